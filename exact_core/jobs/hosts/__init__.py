"""Where portable work runs: beside the services, in a process of its own, or on another machine."""
