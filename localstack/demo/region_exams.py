"""Who lives in the demonstration region and which exams they had. Every name and number is fictional.

Phone numbers come from +33 6 39 98 xx xx, which is reserved for fiction.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.archive.scope import PatientRef


@dataclass(frozen=True)
class Patient:
    """A person, known under one Patient ID per hospital."""

    name: str
    """PN, alphabetic group."""
    sex: str
    birth_date: str
    """DA."""
    patient_ids: dict[str, str]
    """By hospital id."""
    phone_number: str = ""
    character_set: str = "ISO_IR 100"
    gp: bool = False
    """Whether the demonstration general practitioner follows the patient."""


@dataclass(frozen=True)
class Report:
    """Text of a compte-rendu."""

    kind: str
    """`pdf` (Encapsulated PDF) or `sr` (Basic Text SR)."""
    indication: str
    technique: str
    findings: tuple[str, ...]
    conclusion: str
    physician: str


@dataclass(frozen=True)
class Exam:
    """A study."""

    key: str
    """Names the study; its UIDs derive from it."""
    patient: Patient
    hospital: str
    ae_title: str
    days_ago: int
    time: str
    """TM."""
    description: str
    content: str
    """Which generator or real files; see `exams.instances_of`."""
    body_part: str
    report: Report | None = None


NORD, SUD, OUEST = "hopital-nord", "hopital-sud", "clinique-ouest"

CAMILLE = Patient("MARTIN^Camille", "F", "19870412", {NORD: "N00104217"}, "+33639980101", gp=True)
HELENE = Patient(
    "LEFÈVRE-DUBOIS^Hélène", "F", "19580923", {SUD: "S5580231", NORD: "N00098812"}, "+33639980102", gp=True
)
JEAN = Patient(
    "DE LA TOUR^Jean-François", "M", "19490307", {NORD: "N00077310", OUEST: "CO-20418"}, "+33639980103", gp=True
)
NOEMIE = Patient("BÉRANGER^Noémie", "F", "19940618", {OUEST: "CO-31177"}, "+33639980104", "ISO_IR 192")
MAI = Patient("NGUYEN^Thi Mai", "F", "19721130", {OUEST: "CO-28840"}, "+33639980105")
KARIM = Patient("BENALI^Karim", "M", "19760201", {NORD: "N00112094", SUD: "S6120447"}, "+33639980106")
YANN = Patient("LE GOFF^Yann", "M", "19650815", {NORD: "N00101553"}, "+33639980107")
ELODIE = Patient("ŒUVRARD^Élodie", "F", "19831205", {OUEST: "CO-30265"}, "+33639980108", "ISO_IR 192")
JOSE = Patient("GARCÍA LÓPEZ^José", "M", "19540519", {NORD: "N00065002"}, "+33639980109")
CHLOE = Patient("D'AMBROSIO^Chloé", "F", "20120227", {SUD: "S6098113"}, "+33639980110", gp=True)
FRANCOIS = Patient("PÉTRIDÈS^François-Xavier", "M", "19381014", {SUD: "S4471902"})
AISSATOU = Patient("DIALLO^Aïssatou", "F", "19690703", {SUD: "S6044870"}, "+33639980112", "ISO_IR 192")
GISELE = Patient("MÜLLER^Gisèle", "F", "19470321", {OUEST: "CO-11936"}, "+33639980113")

PATIENTS = (
    CAMILLE, HELENE, JEAN, NOEMIE, MAI, KARIM, YANN, ELODIE, JOSE, CHLOE, FRANCOIS, AISSATOU, GISELE,
)  # fmt: skip

CT_REPORT = Report(
    "pdf",
    "Toux persistante, altération de l'état général. Antécédent de tabagisme (30 paquets-années).",
    "Acquisition hélicoïdale thoraco-abdominale après injection de produit de contraste iodé, coupes de 1,25 mm.",
    (
        "Nodule solide de 9 mm du lobe supérieur droit, de contours réguliers, à comparer à l'examen antérieur.",
        "Pas d'épanchement pleural ni péricardique. Pas d'adénomégalie médiastinale.",
        "Foie, rate et reins d'aspect normal. Pas de lésion osseuse suspecte.",
    ),
    "Nodule pulmonaire solide de 9 mm du lobe supérieur droit : contrôle scanographique à trois mois.",
    "Dr Anne-Sophie GUÉRIN",
)
MR_REPORT = Report(
    "sr",
    "Céphalées inhabituelles depuis trois semaines.",
    "IRM encéphalique, séquence 3D T1 millimétrique dans le plan sagittal, sans injection.",
    (
        "Système ventriculaire de taille et de morphologie normales, structures médianes en place.",
        "Pas d'anomalie de signal du parenchyme cérébral. Charnière cervico-occipitale sans particularité.",
    ),
    "IRM encéphalique sans anomalie décelée.",
    "Dr Benoît CHÂTELET",
)
CHEST_REPORT = Report(
    "sr",
    "Dyspnée d'effort. Surveillance.",
    "Radiographie thoracique de face, debout, en inspiration.",
    (
        "Opacités nodulaires bilatérales multiples, prédominant aux bases.",
        "Silhouette cardio-médiastinale de taille normale. Culs-de-sac pleuraux libres.",
    ),
    "Opacités nodulaires bilatérales : un scanner thoracique est recommandé.",
    "Dr Raphaël ESTÈVE",
)
MAMMOGRAPHY_REPORT = Report(
    "pdf",
    "Dépistage organisé du cancer du sein.",
    "Mammographie numérique bilatérale, incidences de face et oblique externe.",
    (
        "Densité mammaire de type B. Seins symétriques.",
        "Pas de masse, pas de distorsion architecturale, pas de foyer de microcalcifications suspect.",
    ),
    "Mammographie bilatérale normale, classée ACR 1 des deux côtés. Prochain contrôle dans deux ans.",
    "Dr Mélanie ROUSSEL",
)
PET_REPORT = Report(
    "pdf",
    "Bilan d'extension d'une masse pulmonaire du lobe supérieur droit.",
    "TEP-TDM thoraco-abdominale, 60 minutes après injection de 259 MBq de 18F-FDG. TDM basse dose sans injection.",
    (
        "Masse du lobe supérieur droit de 28 mm, intensément hypermétabolique (SUVmax 9,5).",
        "Pas de foyer ganglionnaire médiastinal ni de foyer à distance.",
        "Répartition physiologique du traceur au foie, à la rate et aux reins.",
    ),
    "Masse hypermétabolique du lobe supérieur droit, sans argument pour une extension ganglionnaire ou à distance.",
    "Dr Raphaël ESTÈVE",
)

EXAMS = (
    Exam("mr-camille", CAMILLE, NORD, "NORD_MR1", 0, "091412", "IRM encéphalique", "mni-sagittal", "HEAD", MR_REPORT),
    Exam("ct-jean", JEAN, NORD, "NORD_CT1", 0, "083025", "Scanner thoraco-abdominal injecté", "ct-phantom", "CHEST",
         CT_REPORT),
    Exam("ct-jean-prior", JEAN, OUEST, "OUEST_PACS", 241, "141503", "Scanner thoracique", "ct-phantom-prior", "CHEST"),
    Exam("cr-helene", HELENE, SUD, "SUD_CR1", 1, "102233", "Radiographie du thorax", "cr-chest", "CHEST", CHEST_REPORT),
    Exam("mr-helene-prior", HELENE, NORD, "NORD_MR1", 612, "163044", "IRM cérébrale de contrôle", "mni-axial", "HEAD"),
    Exam("mr-yann", YANN, NORD, "NORD_MR1", 2, "110820", "IRM de l'épaule", "mr-shoulder", "SHOULDER"),
    Exam("mr-jose", JOSE, NORD, "NORD_MR1", 5, "153010", "IRM hépatique", "mr-liver", "ABDOMEN"),
    Exam("ct-karim", KARIM, NORD, "NORD_CT1", 9, "174501", "Scanner abdominal", "ct-pancreas", "ABDOMEN"),
    Exam("ct-karim-prior", KARIM, SUD, "SUD_CT1", 403, "093300", "Scanner cérébral", "ct-head", "HEAD"),
    Exam("cr-chloe", CHLOE, SUD, "SUD_CR1", 3, "164512", "Radiographie de la jambe droite", "cr-leg", "EXTREMITY"),
    Exam("nm-francois", FRANCOIS, SUD, "SUD_PACS", 12, "113000", "Scintigraphie osseuse corps entier", "nm-bone",
         "WHOLEBODY"),
    Exam("pt-francois", FRANCOIS, SUD, "SUD_PACS", 4, "090500", "TEP-TDM au 18F-FDG", "pet-ct", "CHEST", PET_REPORT),
    Exam("rt-francois", FRANCOIS, SUD, "SUD_CT1", 1, "134000", "Scanner de centrage de radiothérapie", "planning",
         "CHEST"),
    Exam("mr-karim", KARIM, NORD, "NORD_MR1", 1, "181200", "IRM hépatique", "enhanced-mr", "ABDOMEN"),
    Exam("ct-aissatou", AISSATOU, SUD, "SUD_CT1", 0, "070540", "Scanner cérébral de perfusion", "ct-enhanced", "HEAD"),
    Exam("us-noemie", NOEMIE, OUEST, "OUEST_US1", 1, "145625", "Échographie obstétricale", "us-obstetric", "ABDOMEN"),
    Exam("us-gisele", GISELE, OUEST, "OUEST_US1", 6, "120850", "Échocardiographie transthoracique", "us-heart",
         "HEART"),
    Exam("us-elodie", ELODIE, OUEST, "OUEST_US1", 20, "112420", "Échographie pelvienne", "us-pelvis", "PELVIS"),
    Exam("mg-mai", MAI, OUEST, "OUEST_MG1", 0, "101102", "Mammographie de dépistage", "mammography", "BREAST",
         MAMMOGRAPHY_REPORT),
)  # fmt: skip

CONTACTS = tuple(
    (hospital, patient_id, patient.phone_number)
    for patient in PATIENTS
    if patient.phone_number
    for hospital, patient_id in patient.patient_ids.items()
)
"""(hospital, Patient ID, E.164) of every patient who agreed to be told by SMS."""

CODE_PATIENT = (NORD, KARIM)
"""Who was handed a code: the general practitioner sees his exams only with it."""

GP_PATIENTS = tuple(
    PatientRef(hospital, patient_id)
    for patient in PATIENTS
    if patient.gp
    for hospital, patient_id in patient.patient_ids.items()
)
"""Patients whom the demonstration general practitioner may see, in every hospital that knows them."""
