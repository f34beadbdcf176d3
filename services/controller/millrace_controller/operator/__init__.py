"""ModelLoops that are declared with kubectl: the cluster's resources are followed, and told how their loops stand.

REST is the truth. The operator does what a person could do by REST, and nothing else; it leaves no finalizer behind,
so a resource and its namespace go away whether or not an operator is there to see it.
"""
