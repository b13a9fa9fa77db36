"""The local cloud: emulator, edge, demonstration region."""
