"""Which documents are nearly equal to an earlier one, across all inputs.

Comes in: cleaned and filtered documents, joined, each with an id whose order is
that of the inputs. Goes out: the ids to drop, each with the id that is kept.
Start reading: `signatures.py` (what a document is compared by), then
`clusters.py` (which pairs are compared, and what is dropped).
"""
