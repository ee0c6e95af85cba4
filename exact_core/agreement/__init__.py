"""How far readers agree with each other and with references, and studies that ask it with a design."""
