"""Flags, processes, meshes and errors, shared by every command."""
