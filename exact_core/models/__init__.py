"""Models: folders of safetensors and JSON, who may use them, and how they are opened."""
