"""Images: names, uploads, import, probing, conversion and listing."""
