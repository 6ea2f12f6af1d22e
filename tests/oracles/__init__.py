"""The ten metrics once more in plain Python, as plainly as can be, from their definitions alone."""
