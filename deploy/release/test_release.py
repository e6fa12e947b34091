"""Tests of what accompanies a release: `python -m unittest` in this folder, with requirements.txt installed."""

import json
import unittest

import crates
import licences
import sbom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

TARGET = "x86_64-unknown-linux-musl"


class Bill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bill = sbom.bill(TARGET)

    def test_it_is_what_cyclonedx_specifies(self):
        error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(self.bill))
        self.assertIsNone(error)

    def test_every_crate_has_a_licence_and_those_of_others_a_checksum(self):
        for component in self.bill["components"]:
            with self.subTest(component["bom-ref"]):
                self.assertTrue(component["licenses"])
                is_foreign = not component["name"].startswith(("tenterhook", "rust-std"))
                self.assertEqual("hashes" in component, is_foreign)

    def test_what_every_server_links_is_in_it_and_what_tests_use_is_not(self):
        names = {component["name"] for component in self.bill["components"]}
        self.assertLessEqual({"tokio", "rustls", "ring", "redb", "minijinja", "tenterhook-server"}, names)
        self.assertTrue(names.isdisjoint({"proptest", "tenterhook-tests", "windows-sys"}))

    def test_every_reference_leads_to_a_component(self):
        known = {component["bom-ref"] for component in self.bill["components"]}
        known.add(self.bill["metadata"]["component"]["bom-ref"])
        for entry in self.bill["dependencies"]:
            self.assertLessEqual({entry["ref"], *entry["dependsOn"]}, known)

    def test_the_same_sources_give_the_same_bill(self):
        self.assertEqual(self.bill, sbom.bill(TARGET))


class Licences(unittest.TestCase):
    def test_every_crate_of_others_is_listed_with_its_licence(self):
        page = licences.page(TARGET)
        for crate in crates.crates(TARGET):
            if not crate.is_ours and not crate.is_macro:
                line = next(line for line in page.splitlines() if line.startswith(f"{crate.name} {crate.version} "))
                self.assertTrue(line.endswith(f"  {crate.licence}"), line)
        self.assertIn("Permission is hereby granted, free of charge", page)

    def test_old_ways_to_write_two_licences_become_expressions(self):
        self.assertEqual(crates.expression("MIT/Apache-2.0"), "MIT OR Apache-2.0")
        self.assertEqual(crates.expression("ISC"), "ISC")


if __name__ == "__main__":
    unittest.main()
