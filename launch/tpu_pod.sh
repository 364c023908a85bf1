#!/usr/bin/env bash
# One run on a TPU pod slice, one process a host: `launch/tpu_pod.sh`, from your own machine.
# Change: the first four lines. WORKDIR and DATA_DIR are on a disk that every host has mounted.
NAME=fevgan ZONE=us-central1-a
CONFIG=mug
WORKDIR=/mnt/shared/runs/mug
DATA_DIR=/mnt/shared/data

# JAX finds the slice's hosts by itself. After any status but 0 (finished) and 2 (bad input) the same
# command starts again and resumes from the last checkpoint.
while true; do
  gcloud compute tpus tpu-vm ssh "$NAME" --zone="$ZONE" --worker=all --command="
    cd fevgan_jax && .venv/bin/python -m fevgan_jax.main --distributed --config=$CONFIG \
      --workdir=$WORKDIR --config.data.data_dir=$DATA_DIR --config.checkpoint_minutes=10"
  status=$?
  if [ "$status" -eq 0 ] || [ "$status" -eq 2 ]; then exit "$status"; fi
  sleep 30
done
