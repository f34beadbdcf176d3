"""NIST AI 100-1, Artificial Intelligence Risk Management Framework 1.0: its 72 subcategories."""

from millrace.evidence.clauses import Clause, Framework

WATCH = ("days", "alarms", "monitor", "report")
TESTS = ("cards", "runs", "decisions")

GOVERN = (
    Clause("GOVERN 1.1", "Legal requirements are understood and managed."),
    Clause("GOVERN 1.2", "Characteristics of trustworthy AI are part of policies."),
    Clause("GOVERN 1.3", "Risk tolerance sets how much risk management is done."),
    Clause("GOVERN 1.4", "Risk management follows transparent policies and controls.", ("loop", "decisions"), "Controls of this loop as declared; policies are the organisation's."),
    Clause("GOVERN 1.5", "Monitoring and review are planned, with roles and how often.", ("loop", "monitor"), "What is watched, and how often by itself; reviews by people are not planned here."),
    Clause("GOVERN 1.6", "AI systems are inventoried.", ("loop", "versions"), "This system and its versions; the inventory is over all of them."),
    Clause("GOVERN 1.7", "Systems are phased out safely.", ("champions", "decisions"), "What was taken out of production, where that happened."),
    Clause("GOVERN 2.1", "Roles and lines of communication are clear.", ("loop",), "Who is told of what, by which channel.", "notify"),
    Clause("GOVERN 2.2", "People are trained in AI risk management."),
    Clause("GOVERN 2.3", "Leadership answers for decisions about risks."),
    Clause("GOVERN 3.1", "Decisions are informed by a diverse team."),
    Clause("GOVERN 3.2", "Roles of people in oversight are defined.", ("loop", "runs"), "Who approves or looks at answers.", "oversight"),
    Clause("GOVERN 4.1", "Critical thinking and safety come first."),
    Clause("GOVERN 4.2", "Teams document and communicate risks and impacts.", ("cards",), "Measured limits; impacts are for people to write."),
    Clause("GOVERN 4.3", "Testing, finding incidents and sharing information are practised.", (*TESTS, "alarms"), "Tests and alarms of this loop."),
    Clause("GOVERN 5.1", "Feedback from outside the team is collected and used."),
    Clause("GOVERN 5.2", "Adjudicated feedback flows back into the system.", ("data", "decisions"), "Labels by people, and what was trained with them.", "review"),
    Clause("GOVERN 6.1", "Risks of third parties, also to their rights, are addressed."),
    Clause("GOVERN 6.2", "Failures of third-party data or systems have a contingency.", ("quarantine", "champions"), "Refused deliveries and the way back; contracts with suppliers are not here."),
)  # fmt: skip
MAP = (
    Clause("MAP 1.1", "Purpose, users, settings, laws and assumptions are documented.", ("cards", "loop"), "What annotations say; nothing, if nobody wrote it."),
    Clause("MAP 1.2", "Those who set the context are diverse and interdisciplinary."),
    Clause("MAP 1.3", "Mission and goals for AI are documented."),
    Clause("MAP 1.4", "Business value or context is defined."),
    Clause("MAP 1.5", "Risk tolerances are documented.", ("loop",), "Margins and error rates of gates and monitors."),
    Clause("MAP 1.6", "Requirements are elicited; design considers socio-technical implications."),
    Clause("MAP 2.1", "Tasks and methods are defined.", ("loop", "cards"), "Task, target and kind of model."),
    Clause("MAP 2.2", "Limits of knowledge, and how people oversee the output, are documented.", ("cards",), "Days, slices, groups, and where little is known."),
    Clause("MAP 2.3", "Scientific integrity: design of tests, selection of data, validity.", ("cards", "data", "lineage"), "How it was judged, on which rows; validity of the construct is for people to argue."),
    Clause("MAP 3.1", "Benefits are examined."),
    Clause("MAP 3.2", "Costs of errors are examined."),
    Clause("MAP 3.3", "The scope of application is specified.", ("cards",), "Intended use as annotated, inputs as signed."),
    Clause("MAP 3.4", "Proficiency of operators is defined and assessed."),
    Clause("MAP 3.5", "Human oversight is defined and documented.", ("loop", "runs"), "Approvals and reviews.", "oversight"),
    Clause("MAP 4.1", "Legal and technical risks of components are mapped.", ("versions",), "Libraries with their versions; legal risks are not mapped."),
    Clause("MAP 4.2", "Controls for components are identified.", ("versions", "verification"), "Digests of what was built from what."),
    Clause("MAP 5.1", "Likelihood and size of impacts are documented."),
    Clause("MAP 5.2", "There is regular engagement with those concerned."),
)  # fmt: skip
MEASURE = (
    Clause("MEASURE 1.1", "Metrics for the most significant risks are chosen; what cannot be measured is documented.", ("loop", "cards"), "Declared metrics, and what a card does not know."),
    Clause("MEASURE 1.2", "Metrics and controls are regularly assessed.", ("decisions",), "What gates and monitors decided; their own review is people's."),
    Clause("MEASURE 1.3", "Independent assessors are involved.", ("heads", "verification"), "What lets somebody else check; that they did is not known here."),
    Clause("MEASURE 2.1", "Test sets, metrics and tools are documented.", ("cards", "runs", "lineage"), "Rows, metrics, and the environment that measured."),
    Clause("MEASURE 2.2", "Evaluations with human subjects meet requirements."),
    Clause("MEASURE 2.3", "Performance is measured in conditions like those of use.", (*TESTS, "days"), "The newest days held out; then live days."),
    Clause("MEASURE 2.4", "Function and behaviour are monitored in production.", WATCH, "Error, drift, quality and alarms by day."),
    Clause("MEASURE 2.5", "Validity and reliability are demonstrated; limits of generalisation documented.", ("cards", "runs"), "Gates with bounds; days and slices."),
    Clause("MEASURE 2.6", "Safety risks are evaluated; it can fail safely.", ("champions", "decisions"), "Aborted rollouts and the way back; safety of people is not evaluated."),
    Clause("MEASURE 2.7", "Security and resilience are evaluated.", ("verification", "quarantine"), "Integrity and refused data; attacks are not tested."),
    Clause("MEASURE 2.8", "Transparency and accountability are examined.", ("decisions", "heads", "verification"), "Who decided what, and that it was not rewritten."),
    Clause("MEASURE 2.9", "The model is explained, validated and documented.", ("cards",), "Importance and validation; contributions of one answer on request."),
    Clause("MEASURE 2.10", "Privacy risk is examined.", ("data", "loop"), "Columns with personal data that were left out or kept; no attack on privacy is tested."),
    Clause("MEASURE 2.11", "Fairness and bias are evaluated and documented.", ("cards",), "Groups of declared attributes, with bounds; what that means is for people to say.", "fairness"),
    Clause("MEASURE 2.12", "Environmental impact is assessed."),
    Clause("MEASURE 2.13", "Effectiveness of the measuring itself is evaluated."),
    Clause("MEASURE 3.1", "Existing and emergent risks are tracked.", ("alarms", "days"), "Alarms and days; risks beyond them are not tracked."),
    Clause("MEASURE 3.2", "Risks that are hard to measure are considered."),
    Clause("MEASURE 3.3", "Users and those affected can report problems and appeal."),
    Clause("MEASURE 4.1", "Measuring fits the context, with domain experts."),
    Clause("MEASURE 4.2", "Results are informed by domain experts.", ("runs", "decisions"), "Approvals and labels by people.", "oversight"),
    Clause("MEASURE 4.3", "Improvements and declines in the field are documented.", ("days", "champions", "decisions"), "Error by day, promotions and switch-backs."),
)  # fmt: skip
MANAGE = (
    Clause("MANAGE 1.1", "It is decided whether the system meets its purpose and should go on.", ("runs", "decisions"), "Verdicts of gates on each version; the purpose is people's."),
    Clause("MANAGE 1.2", "Treatment of risks is prioritised."),
    Clause("MANAGE 1.3", "Responses to high risks are planned.", ("loop",), "Rollout, alarms, retraining and way back as declared."),
    Clause("MANAGE 1.4", "Residual risks to others are documented."),
    Clause("MANAGE 2.1", "Resources, and alternatives without AI, are considered."),
    Clause("MANAGE 2.2", "The value of deployed systems is sustained.", ("decisions", "champions", "days"), "Retraining and the way back, as they happened."),
    Clause("MANAGE 2.3", "Unknown risks are responded to and recovered from.", ("alarms", "decisions"), "Alarms with what followed."),
    Clause("MANAGE 2.4", "A system that does otherwise than intended can be superseded or switched off.", ("decisions", "champions"), "Rollbacks, pauses and switch-backs, with their authors."),
    Clause("MANAGE 3.1", "Third-party resources are monitored.", ("quarantine", "data"), "Sources of rows; other third parties are not known here."),
    Clause("MANAGE 3.2", "Pre-trained models in use are monitored.", ("versions", "days"), "Adopted graphs pass the same gates and monitors."),
    Clause("MANAGE 4.1", "Post-deployment monitoring: input of users, appeal, override, decommissioning, incidents, change.", (*WATCH, "decisions"), "Monitoring and change; appeal and incident plans are the organisation's."),
    Clause("MANAGE 4.2", "Improvement is continual and measured.", ("runs", "decisions"), "Each retraining against its champion."),
    Clause("MANAGE 4.3", "Incidents and errors are communicated, tracked and recovered from.", ("alarms", "decisions", "loop"), "Alarms, who is told, and what followed.", "notify"),
)  # fmt: skip

FRAMEWORK = Framework(
    "nist-ai-rmf",
    "NIST AI 100-1, AI Risk Management Framework 1.0, Core",
    "The framework is voluntary and no checklist: the pack shows evidence about one system, not an organisation's practice.",
    (*GOVERN, *MAP, *MEASURE, *MANAGE),
)
