"""企业微信 (WeCom): a self-built app whose template cards are answered by encrypted callbacks."""
