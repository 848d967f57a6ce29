//! Passes, pipelines and fusion regions over the tensor IR.
