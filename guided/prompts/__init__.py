"""Prompts: weights, wildcards, and the words of artists and looks."""
