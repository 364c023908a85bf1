"""Flags, processes, meshes and errors: what every command stands on."""
