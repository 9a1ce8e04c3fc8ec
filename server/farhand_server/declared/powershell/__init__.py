"""What a PowerShell script declares in its `param()` block.

It is read as PowerShell reads it, as far as that goes without running anything. What cannot be
read declares nothing: PowerShell alone says whether a script is right, so none is refused here.
"""
