"""How good a model is: figures of classifications and of the probabilities that go with them. Pure numpy."""
