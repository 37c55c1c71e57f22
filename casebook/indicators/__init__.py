"""The indicators by which units, regions and matters are judged: definitions as data, arithmetic without I/O.

`definitions` names each figure, its numerator and denominator; `counts` holds what is counted, `rates` divides it;
`periods` says which days are compared with which; `scoring` is the city's score, `hot` what rises. docs/indicators.md
"""
