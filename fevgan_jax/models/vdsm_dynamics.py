"""VDSM's second stage: the dynamics of a clip's poses, as one code."""

import flax.linen as nn
import jax
import jax.numpy as jnp

States = tuple[tuple[jax.Array, jax.Array], ...]


class Dynamics(nn.Module):
    """Infers a clip's dynamics from its poses, and unrolls poses by them.

    The collection `labels` holds the mean posterior of each label's clips, a moving average of
    decay 0.99 (choice: the encoder of the dynamics changes during training).

    Attributes:
      num_classes: number of expressions.
      poses: length of a pose.
      hidden: width of the recurrent networks.
      codes: length of the dynamics.
      layers: number of layers of the recurrent networks.
      dropout: dropout rate between the layers of the bidirectional one.
    """

    num_classes: int
    poses: int
    hidden: int
    codes: int = 50
    layers: int = 3
    dropout: float = 0.2

    @nn.compact
    def __call__(
        self,
        poses: jax.Array,
        label: jax.Array,
        for_poses: jax.Array,
        for_dynamics: jax.Array,
        *,
        learns: bool,
        train: bool,
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        """Unrolls the poses.

        Args:
          poses: the encoder's means: the clip's `[B, S, D]` in training, else the photo's
            `[B, 1, D]`, from which the poses go on (choice: the label's mean dynamics know an
            average person's poses, so the way from the first of them is what the photo takes).
          label: `[B]` int32.
          for_poses: standard normal noise `[B, S, D]`, or zeros.
          for_dynamics: the same, `[B, codes]` or longer.
          learns: infer the dynamics from the poses; else take the label's mean.
          train: apply dropout, and update the labels' means.

        Returns:
          Mean and scale of `dynamics`, `pose` and `prior`, and the poses drawn `[B, S, D]`.
        """
        means = self.variable("labels", "mean", jnp.zeros, (self.num_classes, self.codes))
        counts = self.variable("labels", "count", jnp.zeros, (self.num_classes,))
        if learns:
            summary = self._summary(poses, train)
            mean = nn.leaky_relu(nn.Dense(self.codes, name="code_mean")(summary), 0.01)
            scale = nn.softplus(nn.Dense(self.codes, name="code_scale")(summary))
            if train:
                self._remember(means, counts, mean, label)
        else:
            mean, scale = means.value[label], jnp.zeros_like(means.value[label])
        code = mean + scale * for_dynamics[:, : self.codes]

        size = (len(code), self.layers, self.hidden)
        hidden = nn.Dense(self.layers * self.hidden, name="hidden")(code).reshape(size)
        cell = nn.Dense(self.layers * self.hidden, name="cell")(code).reshape(size)
        start = self.param("start", nn.initializers.zeros_init(), (self.hidden,))
        first = self.param("first_pose", nn.initializers.zeros_init(), (self.poses,))
        start = jnp.broadcast_to(start, (len(code), self.hidden))
        first = jnp.broadcast_to(first, (len(code), self.poses))
        states = tuple((hidden[:, i], cell[:, i]) for i in range(self.layers))
        unrolled = nn.scan(
            Step,
            variable_broadcast="params",
            split_rngs={"params": False},
            in_axes=(1, nn.broadcast),
            out_axes=1,
        )(self.hidden, name="step")
        _, walked = unrolled((states, start, first), for_poses, code)
        # There is no pose before the first: its prior is N(0, 1).
        walked["prior_mean"] = walked["prior_mean"].at[:, 0].set(0.0)
        walked["prior_scale"] = walked["prior_scale"].at[:, 0].set(1.0)
        drawn = walked.pop("drawn")
        if not learns:
            drawn = poses + (drawn - drawn[:, :1])
        return walked | {"dynamics_mean": mean, "dynamics_scale": scale}, drawn

    def _summary(self, poses: jax.Array, train: bool) -> jax.Array:
        """Last states of a bidirectional LSTM, concatenated: `[B, 2 * layers * hidden]`."""
        initial = self.param("initial", nn.initializers.zeros_init(), (self.layers, self.hidden))
        x, last = poses, []
        for i in range(self.layers):
            if i:
                x = nn.Dropout(self.dropout, deterministic=not train)(x)
            hidden = jnp.broadcast_to(initial[i], (len(poses), self.hidden))
            both = []
            for way in ("forward", "backward"):
                network = nn.RNN(
                    LstmCell(self.hidden, name=f"{way}_{i}"),
                    reverse=way == "backward",
                    keep_order=True,
                    return_carry=True,
                )
                carry, outputs = network(x, initial_carry=(hidden, jnp.zeros_like(hidden)))
                both.append(outputs)
                last.append(carry[0])
            x = jnp.concatenate(both, axis=-1)
        return jnp.concatenate(last, axis=-1)

    def _remember(self, means, counts, mean: jax.Array, label: jax.Array) -> None:
        """Moves the labels' means towards this batch's; at first they are plain means."""
        member = jax.nn.one_hot(label, self.num_classes)
        here = member.sum(0)
        counts.value = counts.value + here
        of_batch = member.T @ jax.lax.stop_gradient(mean) / jnp.maximum(here, 1.0)[:, None]
        share = jnp.maximum(here / jnp.maximum(counts.value, 1.0), 0.01 * (here > 0))[:, None]
        means.value = (1.0 - share) * means.value + share * of_batch


class Step(nn.Module):
    """One step: an LSTM with its last output as input, the pose, and the pose's prior.

    Attributes:
      hidden: width of the LSTM.
    """

    hidden: int

    @nn.compact
    def __call__(
        self,
        carry: tuple[States, jax.Array, jax.Array],
        drawn: jax.Array,
        code: jax.Array,
    ) -> tuple[tuple[States, jax.Array, jax.Array], dict[str, jax.Array]]:
        """One time step.

        Args:
          carry: the LSTM's states, its last output `[B, hidden]` and the last pose `[B, D]`.
          drawn: standard normal noise `[B, D]`.
          code: the dynamics `[B, codes]`.

        Returns:
          The next carry; mean and scale of pose and prior, and the pose `drawn`, `[B, D]` each.
        """
        states, x, pose = carry
        size, new = pose.shape[-1], []
        for i, (hidden, cell) in enumerate(states):
            state, x = LstmCell(self.hidden, name=f"layer_{i}")((hidden, cell), x)
            new.append(state)
        seen = nn.Dense(self.hidden, name="seen")(jnp.concatenate([code, x], axis=-1))
        before = nn.tanh(nn.Dense(self.hidden, name="before")(pose))
        joined = 0.5 * (before + nn.leaky_relu(seen, 0.01))
        mean = nn.Dense(size, name="mean")(joined)
        scale = nn.softplus(nn.Dense(size, name="scale")(joined))
        prior_mean, prior_scale = Transition(self.hidden, name="transition")(pose, code)
        pose = mean + scale * drawn
        return (tuple(new), x, pose), {
            "pose_mean": mean,
            "pose_scale": scale,
            "prior_mean": prior_mean,
            "prior_scale": prior_scale,
            "drawn": pose,
        }


class Transition(nn.Module):
    """The gated prior of the next pose (Krishnan et al. 2017).

    Attributes:
      hidden: width of its two hidden layers.
    """

    hidden: int

    @nn.compact
    def __call__(self, pose: jax.Array, code: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Mean and scale `[B, D]` of the next pose, from pose `[B, D]` and code `[B, codes]`."""
        size, both = pose.shape[-1], jnp.concatenate([pose, code], axis=-1)

        def network(name: str) -> jax.Array:
            inner = nn.relu(nn.Dense(self.hidden, name=f"{name}_inner")(both))
            return nn.Dense(size, name=name)(inner)

        gate, proposal = nn.sigmoid(network("gate")), network("proposal")

        def unchanged(key, shape, dtype=jnp.float32):
            return jnp.eye(*shape, dtype=dtype)

        kept = nn.Dense(size, kernel_init=unchanged, name="kept")(pose)
        scale = nn.softplus(nn.Dense(size, name="scale")(nn.relu(proposal)))
        return (1.0 - gate) * kept + gate * proposal, scale


class LstmCell(nn.RNNCellBase):
    """An LSTM cell with biases on input and state, as in the published code.

    Attributes:
      features: length of the state.
    """

    features: int

    @nn.compact
    def __call__(
        self, carry: tuple[jax.Array, jax.Array], x: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        """One time step: the states `[B, D]` and the output, which is the hidden state."""
        hidden, cell = carry
        given = nn.Dense(4 * self.features, name="given")(x)
        gates = given + nn.Dense(4 * self.features, name="kept")(hidden)
        enter, forget, candidate, leave = jnp.split(gates, 4, axis=-1)
        cell = nn.sigmoid(forget) * cell + nn.sigmoid(enter) * nn.tanh(candidate)
        hidden = nn.sigmoid(leave) * nn.tanh(cell)
        return (hidden, cell), hidden

    @nn.nowrap
    def initialize_carry(
        self, rng: jax.Array, input_shape: tuple[int, ...]
    ) -> tuple[jax.Array, jax.Array]:
        """Zero states."""
        del rng
        return (jnp.zeros((*input_shape[:-1], self.features)),) * 2

    @property
    def num_feature_axes(self) -> int:
        """One, as inputs are vectors."""
        return 1
