"""Point-in-time datasets out of Rapport's export; ONNX models with manifest and golden cases into its repository."""
