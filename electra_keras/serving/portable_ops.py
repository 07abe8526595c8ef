"""Whether a stock TF Serving can run the graph of a SavedModel.

Used by `export.py` before a version appears. The server has the kernels of
TensorFlow and those of tensorflow-text that its build links; what else a graph
names fails when the model is loaded, on the user's machine.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from electra_keras.errors import ElectraError

# `ops_lib` of tensorflow-text 2.12.1, which TF Serving 2.12 to 2.19 link
# (`tensorflow_text/BUILD` of that tag): no `trimmer_ops`, hence no
# RoundRobinTrim.
_TEXT_OPS = frozenset(
    {
        *("CaseFoldUTF8", "ConstrainedSequence", "FastBertNormalize"),
        *("FastWordpieceTokenizeWithOffsets", "FindSourceOffsets", "MaxSpanningTree"),
        *("NormalizeUTF8", "NormalizeUTF8WithOffsetsMap", "PhraseTokenize"),
        *("RegexSplitWithOffsets", "RougeL", "SentenceFragments"),
        *("SentenceFragmentsV2", "SentencepieceDetokenizeOp"),
        *("SentencepieceIdToStringOp", "SentencepieceOp"),
        *("SentencepieceStringToIdOp", "SentencepieceTokenizeOp"),
        *("SentencepieceTokenizeWithOffsetsOp", "SentencepieceVocabSizeOp"),
        *("SplitMergeTokenizeWithOffsets", "TFText>BoiseTagsToOffsets"),
        *("TFText>ByteSplitByOffsets", "TFText>ByteSplitWithOffsets"),
        *("TFText>FastSentencepieceDetokenize", "TFText>FastSentencepieceTokenize"),
        *("TFText>FastWordpieceDetokenize", "TFText>NgramsStringJoin"),
        *("TFText>OffsetsToBoiseTags", "TFText>PhraseDetokenize"),
        *("TFText>WhitespaceTokenizeWithOffsetsV2", "TokenizerFromLogits"),
        *("UnicodeScriptTokenizeWithOffsets", "WhitespaceTokenizeWithOffsets"),
        "WordpieceTokenizeWithOffsets",
    }
)
# Of TensorFlow itself, but not yet of 2.12; those of TPUs and of tf.data are
# left out, which a served graph has no use for.
_NEWER_OPS = frozenset(
    {
        *("CheckPinned", "Conv", "DebugIdentityV3", "DecodeJxl", "DecodeWebP"),
        *("EmptyTensorMap", "FFTND", "IFFTND", "IRFFTND", "RFFTND"),
        *("KMC2ChainInitialization", "KmeansPlusPlusInitialization"),
        *("NearestNeighbors", "RaggedFillEmptyRows", "RaggedFillEmptyRowsGrad"),
        *("SegmentMaxV2", "SegmentMinV2", "TensorMapErase", "TensorMapHasKey"),
        *("TensorMapInsert", "TensorMapLookup", "TensorMapSize"),
        "TensorMapStackKeys",
    }
)


def read_ops(folder: str | Path) -> set[str]:
    """Lists the ops of a SavedModel, those inside functions too."""
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((Path(folder) / "saved_model.pb").read_bytes())
    ops = set()
    for meta_graph in saved.meta_graphs:
        graph = meta_graph.graph_def
        ops |= {node.op for node in graph.node}
        for function in graph.library.function:
            ops |= {node.op for node in function.node_def}
        # A node may also call a function by its name.
        ops -= {function.signature.name for function in graph.library.function}
    return ops


def check_portable_ops(folder: str | Path) -> None:
    """Checks the ops of a SavedModel.

    Args:
        folder: Of the SavedModel.

    Raises:
        ElectraError: TF Serving from 2.12 on does not have all of them.
    """
    strange = {
        op
        for op in read_ops(folder) - _TEXT_OPS
        if op in _NEWER_OPS or not hasattr(tf.raw_ops, op)
    }
    if strange:
        raise ElectraError(
            f"a graph with the ops {', '.join(sorted(strange))}",
            expected="ops of TensorFlow 2.12, and those of tensorflow-text 2.12.1 "
            "that TF Serving links",
            fix="Express them by other ops: this is a mistake in electra_keras.",
        )
