"""Memory of a step: estimating it, and choosing settings that fit."""
