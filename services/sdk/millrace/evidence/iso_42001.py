"""ISO/IEC 42001:2023: its requirements by clause, and the 38 controls of Annex A."""

from millrace.evidence.clauses import Clause, Framework

WATCH = ("days", "alarms", "monitor", "report")
TESTS = ("cards", "runs", "decisions")

SYSTEM = (
    Clause("4", "Context of the organisation and scope of the management system."),
    Clause("5", "Leadership, policy, roles."),
    Clause("6.1", "Risks and opportunities: risk assessment, treatment, impact assessment, statement of applicability."),
    Clause("6.2", "AI objectives and plans."),
    Clause("6.3", "Changes of the management system are planned."),
    Clause("7", "Resources, competence, awareness, communication, documented information."),
    Clause("8.1", "Operation is planned and controlled.", ("loop", "decisions"), "Controls of this loop, and that they ran."),
    Clause("8.2-8.4", "Risk assessment, treatment and impact assessment are carried out."),
    Clause("9.1", "Monitoring, measurement, analysis and evaluation.", WATCH, "Of this system; of the management system it is people's."),
    Clause("9.2-9.3", "Internal audit and management review."),
    Clause("10", "Nonconformity, corrective action, continual improvement.", ("alarms", "decisions"), "Alarms and what followed, of this system."),
)  # fmt: skip
ANNEX_A = (
    Clause("A.2.2", "An AI policy."),
    Clause("A.2.3", "It fits other policies of the organisation."),
    Clause("A.2.4", "It is reviewed."),
    Clause("A.3.2", "Roles and responsibilities.", ("loop", "runs"), "Who approves, and who acted.", "approval"),
    Clause("A.3.3", "Concerns can be reported."),
    Clause("A.4.2", "Resources are documented through the life of the system.", ("versions", "lineage"), "Data, tooling and computing of each version."),
    Clause("A.4.3", "Data resources.", ("data", "lineage"), "Each dataset version with its origin."),
    Clause("A.4.4", "Tooling resources.", ("versions", "cards"), "Program, libraries, lock and settings."),
    Clause("A.4.5", "System and computing resources.", ("versions",), "Processor, CPUs and system that trained; where it runs is not recorded here."),
    Clause("A.4.6", "Human resources and competence."),
    Clause("A.5.2", "A process to assess impacts."),
    Clause("A.5.3", "Impact assessments are documented and kept."),
    Clause("A.5.4", "Impacts on individuals and groups are assessed.", ("cards",), "How answers differ between declared groups; impacts are for people to assess.", "fairness"),
    Clause("A.5.5", "Impacts on society are assessed."),
    Clause("A.6.1.2", "Objectives for responsible development."),
    Clause("A.6.1.3", "Processes for responsible design and development.", ("loop", "runs"), "Steps and gates of every run."),
    Clause("A.6.2.2", "Requirements and specification.", ("loop",), "What is declared; why, is for people to write."),
    Clause("A.6.2.3", "Design and development are documented.", ("cards", "runs", "versions"), "How each version came about."),
    Clause("A.6.2.4", "Verification and validation.", TESTS, "Evaluations, gates and their verdicts."),
    Clause("A.6.2.5", "Deployment follows a plan and requirements.", ("loop", "decisions", "champions"), "Mirror, canary, promotion or abort, as declared and as they happened."),
    Clause("A.6.2.6", "Operation and monitoring.", (*WATCH, "decisions"), "Days, alarms, retraining, way back."),
    Clause("A.6.2.7", "Technical documentation for those concerned.", ("cards",), "One card a version."),
    Clause("A.6.2.8", "Event logs are recorded, at least while in use.", ("decisions", "heads", "verification"), "A chain of decisions with signed heads."),
    Clause("A.7.2", "Data for development is managed.", ("data", "lineage"), "Versions, contracts and use."),
    Clause("A.7.3", "Acquisition of data.", ("data", "quarantine"), "Where rows came from, and what was refused."),
    Clause("A.7.4", "Quality of data.", ("data", "quarantine", "days"), "Contracts at delivery, quality by day."),
    Clause("A.7.5", "Provenance of data.", ("data", "lineage"), "From each version back to the raw file."),
    Clause("A.7.6", "Preparation of data.", ("cards", "lineage"), "Settings and columns of training."),
    Clause("A.8.2", "Documentation and information for users.", ("cards",), "A card; what your users are told is yours."),
    Clause("A.8.3", "Others can report adverse impacts."),
    Clause("A.8.4", "Incidents are communicated.", ("alarms", "loop"), "Who is told of alarms; users are told by you.", "notify"),
    Clause("A.8.5", "Obligations to inform interested parties."),
    Clause("A.9.2", "Processes for responsible use."),
    Clause("A.9.3", "Objectives for responsible use."),
    Clause("A.9.4", "It is used as intended.", ("cards", "days"), "Intended use as annotated, and inputs unlike training by day; what people do with answers is not seen."),
    Clause("A.10.2", "Responsibilities are allocated between parties."),
    Clause("A.10.3", "Suppliers."),
    Clause("A.10.4", "Customers."),
)  # fmt: skip

FRAMEWORK = Framework(
    "iso-42001",
    "ISO/IEC 42001:2023, clauses 4 to 10 and Annex A",
    "The standard is about a management system: the pack shows evidence about one AI system within it, and certifies nothing.",
    (*SYSTEM, *ANNEX_A),
)
