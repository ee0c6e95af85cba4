"""Tools for plugins that learn: data of versions, seeds, devices, tiles, model files, metrics: ``exact-sdk[ml]``.

No module of this package imports torch, or any other heavy library, before the function that needs it is called.
"""
