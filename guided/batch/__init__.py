"""Batches: their rows and pictures, the queue, workers, and messages about their progress."""
