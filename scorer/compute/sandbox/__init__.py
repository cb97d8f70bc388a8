"""Confines a model's processes on this machine: namespaces by bubblewrap, memory and processes by cgroups."""
