"""Adapters for weights of other projects: their files and names to ours, through explicit tables."""
