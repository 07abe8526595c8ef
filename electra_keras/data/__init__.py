"""Room of the data: shards on disk in, masked batches out.

Comes in: the folder that `beam_pipelines.preprocess` wrote.
Goes out: an endless `tf.data.Dataset` of masked batches, placed by the step.
Start reading: `features.py` (names and shapes), `info.py`, `tokenizer.py`,
then `masking.py` and `dataset.py`.
"""
