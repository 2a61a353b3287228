"""The methods: each a room of its own that turns things into things.

`napari_cryonet.methods.table` lists them without loading any.
"""
