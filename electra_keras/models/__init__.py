"""Room of the networks: token ids in, hidden states and logits out.

Comes in: int32 token ids, segment ids and a padding mask.
Goes out: Keras functional models that share what `tied_weights` says.
Start reading: `randomness.py`, `layers.py`, `encoder.py`, `heads.py`,
then `networks.py`, which joins them.
"""
