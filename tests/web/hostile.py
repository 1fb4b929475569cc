"""Texts that try to be more than text, in every place where a row can bring one."""

from __future__ import annotations

HTML = '<img src=x onerror="document.title=1">'
SCRIPT = "</script><script>document.title=1</script>"
RIGHT_TO_LEFT = "\u202eevil\u202c مرحبا"
EMOJI = "👩‍👩‍👧‍👦 名前"
FORMULA = '=cmd|"/c calc"!A1'
ADDRESS = "javascript:alert(1)"
LONG = "long " * 2_000  # 10,000 characters

TEXTS = (HTML, SCRIPT, RIGHT_TO_LEFT, EMOJI, FORMULA, ADDRESS, LONG)
