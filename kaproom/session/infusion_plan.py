"""What the clinic plans to give. kaproom cannot touch the pump: it only knows the plan."""

from typing import Annotated

from pydantic import Field, model_validator

from kaproom.session.model import Fault, Written, refuse


class InfusionPlan(Written):
    """What the clinic plans to give. kaproom cannot touch the pump: it only knows the plan."""

    planned_min: Annotated[float, Field(gt=0, le=600)]
    """How long the infusion is planned to run, in minutes."""
    dose_mg: Annotated[float, Field(gt=0, le=1000)] | None = None
    """The whole planned dose in mg, the bolus included. Either this or dose_mg_per_kg."""
    dose_mg_per_kg: Annotated[float, Field(gt=0, le=10)] | None = None
    """The whole planned dose in mg per kg of body weight, the bolus included."""
    bolus_mg: Annotated[float, Field(gt=0, le=1000)] | None = None
    """The part of dose_mg that is given at once at the start."""
    bolus_mg_per_kg: Annotated[float, Field(gt=0, le=10)] | None = None
    """The part of dose_mg_per_kg that is given at once at the start."""
    concentration_mg_per_ml: Annotated[float, Field(gt=0, le=100)] | None = None
    """What is in the syringe or bag; needed only to record rates in mL/h."""
    show_dose: bool = True
    """Whether the room's own screens tell the dose so far; it never leaves the room."""

    @model_validator(mode="after")
    def _one_way_of_dosing(self) -> "InfusionPlan":
        faults = []
        if self.dose_mg is not None and self.dose_mg_per_kg is not None:
            faults.append(Fault(("dose_mg",), "stands beside dose_mg_per_kg; keep one of them"))
        for bolus, dose in (("bolus_mg", "dose_mg"), ("bolus_mg_per_kg", "dose_mg_per_kg")):
            given, whole = getattr(self, bolus), getattr(self, dose)
            if given is not None and whole is None:
                faults.append(Fault((bolus,), f"is {given:g}; it is a part of {dose}: add {dose}"))
            elif given is not None and given > whole:
                faults.append(
                    Fault((bolus,), f"is {given:g}; it cannot be more than {dose}, {whole:g}")
                )
        refuse(faults)
        return self
