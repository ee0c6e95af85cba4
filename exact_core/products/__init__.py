"""Annotation templates: products, their annotation types, and the image sets that use them."""
