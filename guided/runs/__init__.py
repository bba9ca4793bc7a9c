"""The files of a run's folder: names, manifest, metadata, checkpoints."""
