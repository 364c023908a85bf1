# `make demo`, `make test`, `make tables`, `make bench`, `make lint`: each sets up .venv when it is missing.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
WORKERS ?= 2
SIZE ?= small
# pip --no-compile saves a minute; Python then caches the bytecode of the modules it imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test tables bench lint

demo: $(VENV)/installed
	$(RUN) -m fevgan_jax.demo --config=configs/motion_modes_demo.py $(ARGS)

test: $(VENV)/installed
	$(RUN) -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

tables: $(VENV)/installed
	$(RUN) -m fevgan_jax.tables --size=$(SIZE) --output=runs/tables_$(SIZE) $(ARGS)

bench: $(VENV)/installed
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(RUN) -m fevgan_jax.prepare --dataset=synthetic_faces/tiny
	$(RUN) benchmarks/results.py

lint: $(VENV)/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

$(VENV)/installed: setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --no-compile --constraint constraints.txt \
		--editable '.[faces,metrics,dev]'
	touch $@
