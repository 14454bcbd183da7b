"""How each destination merges rows, and which rows count where it does not replace them."""
