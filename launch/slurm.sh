#!/usr/bin/env bash
# One run on several SLURM nodes of GPUs, one process a GPU: `sbatch launch/slurm.sh`.
# Change: the numbers of nodes and GPUs, and the config and paths below, which every node must see.
#SBATCH --nodes=2
#SBATCH --gpus-per-node=8
#SBATCH --job-name=fevgan
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@120

CONFIG=mug
WORKDIR=$HOME/runs/mug
DATA_DIR=$HOME/tensorflow_datasets

# JAX finds the processes by SLURM's variables. SIGTERM, 120 seconds before the time limit or on
# preemption, makes the run save and exit with 143: the job is queued again and resumes.
srun --ntasks-per-node="$SLURM_GPUS_PER_NODE" --kill-on-bad-exit=1 \
  python -m fevgan_jax.main --distributed --config="$CONFIG" --workdir="$WORKDIR" \
  --config.data.data_dir="$DATA_DIR" --config.checkpoint_minutes=10
status=$?
# 0 is finished, 2 is bad input, for which another try is of no use.
[ "$status" -eq 0 ] || [ "$status" -eq 2 ] || scontrol requeue "$SLURM_JOB_ID"
exit "$status"
