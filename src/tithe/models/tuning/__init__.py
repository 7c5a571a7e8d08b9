"""Training of pretrained encoders: pieces, losses, programs and the one loop.

`finetune` and its kin are made of these parts. Nothing here knows of pools, rounds or strategies.
"""
