"""Training models from versions: what there is to train, runs with their curves, and how good the models are."""
