"""Predictions: what models found in images, kept beside what people drew, and decided about one by one."""
