"""Checks of a plugin, one function each: ``exact plugin check`` and ``PluginConformance`` share them."""
