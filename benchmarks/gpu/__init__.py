"""Everything to measure on a GPU, in one run of limited time: python -m benchmarks.gpu"""
