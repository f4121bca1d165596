# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: users_csv
short_description: Read people from a CSV file, as users for the broker
version_added: 0.9.0
description:
  - Reads one or more CSV files and returns a list that the option O(homelab.identity_broker.scim_users#module:users) of
    M(homelab.identity_broker.scim_users) and the variable C(federated_users_users) of the role take.
  - Without a header, a line holds C(username, first, last, email, externalId), as William Lam's shell scripts for vCenter read
    it. His scripts take the domain from the e-mail address; here it is the one that the module is given.
  - With a header, the columns may stand in any order, and all but C(username) may be missing. They are the options of a user of
    M(homelab.identity_broker.scim_users) by their names, in any case; C(first), C(last) and C(externalId) are understood, too.
  - A file without people is an error, so that nobody ever takes an empty list for one that was meant.
author:
  - homelab.identity_broker maintainers (@homelab-identity-broker)
options:
  _terms:
    description:
      - The files. They are found as P(ansible.builtin.file#lookup) finds them; a vaulted file is decrypted.
    type: list
    elements: str
    required: true
  delimiter:
    description:
      - What separates the cells. V(,), V(;) or V(tab).
      - If it is not given, the first line that is no comment tells.
    type: str
  encoding:
    description:
      - The encoding of the files, such as V(cp1252).
      - If it is not given, a file is UTF-8, or UTF-16 if it begins with the mark of that. Anything else is an error.
    type: str
notes:
  - Lines that begin with C(#) are comments, and blank lines do not count. White space around cells is removed.
  - An empty cell leaves the attribute as it is. C(<clear>) clears C(given_name), C(family_name), C(display_name) or C(email).
  - C(active), C(recreate) and C(rename) hold V(true), V(yes), V(1), V(false), V(no) or V(0), in any case. In C(groups) and
    C(login_from), names are separated by V(;) or V(|); where V(;) separates the cells, by V(|) only.
  - Everything else is a string as it stands, and no template is evaluated in it. Before a spreadsheet saves ids, have it take the
    column as text, or it may have rewritten them.
  - Cells with the delimiter in them stand in quotes, directly behind the delimiter before; a quote within is written twice. A cell
    cannot hold a line break.
  - A line that cannot be read becomes an item with C(problem), which says why. M(homelab.identity_broker.scim_users) fails this
    person and provisions the others. A file in which every line is wrong, and a user name or an ExternalId on two lines, are
    errors.
  - Use C(query), or C(lookup) with C(wantlist=true). C(lookup) alone makes one dictionary of a list that holds a single person,
    as it does with the result of every lookup plugin.
seealso:
  - module: homelab.identity_broker.scim_users
"""

EXAMPLES = r"""
# people.csv, as William Lam's scripts read it:
#   username, first, last, email, externalId
#   muffin, Muffin, Muffinson, muffin@example.org, d0e47cc3-ff12-45fd-b4ba-6a30628bd50e
#
# people.csv with columns of one's own choice:
#   username;external_id;display_name;groups;active
#   muffin;d0e47cc3-ff12-45fd-b4ba-6a30628bd50e;Muffin Muffinson;Admins|Bakers;true
#   scone;;;;false

- name: Let everybody in people.csv in
  homelab.identity_broker.scim_users:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    domain: lab.example.org
    users: "{{ query('homelab.identity_broker.users_csv', 'people.csv') }}"

- name: The same with a file that an old spreadsheet has saved
  homelab.identity_broker.scim_users:
    hostname: vcsa.example.org
    username: administrator@vsphere.local
    password: "{{ vault_vcenter_password }}"
    domain: lab.example.org
    users: "{{ query('homelab.identity_broker.users_csv', 'old.csv', delimiter=';', encoding='cp1252') }}"
"""

RETURN = r"""
_raw:
  description:
    - The people of all files, in their order. Each has what its line says, such as C(username); or C(problem) and what can be read
      of the line.
  type: list
  elements: dict
  sample:
    - username: muffin
      given_name: Muffin
      family_name: Muffinson
      email: muffin@example.org
      external_id: d0e47cc3-ff12-45fd-b4ba-6a30628bd50e
"""

from typing import Any

from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError
from ansible_collections.homelab.identity_broker.plugins.module_utils._users_csv import people

# Every byte is a character of it, so that a text can be had from Ansible and its bytes from that.
ANY_BYTES = "latin-1"


class LookupModule(LookupBase):
    """Reads files; what they mean is decided elsewhere."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        unknown = ", ".join(sorted(set(kwargs) - set(self.get_options())))
        if unknown:
            raise AnsibleLookupError(f"{unknown}: is no option of users_csv. Its options are delimiter and encoding.")
        if not terms:
            raise AnsibleLookupError(
                "Which file? Name one, as in query('homelab.identity_broker.users_csv', 'people.csv')."
            )
        found: list[dict[str, Any]] = []
        for term in terms:
            path = self._path(term, variables or {})
            try:
                items = people(
                    self._bytes(path), delimiter=self.get_option("delimiter"), encoding=self.get_option("encoding")
                )
            except IdentityBrokerError as error:
                raise AnsibleLookupError(f"{path}: {error}") from None
            found += [
                {**item, "problem": f"{path}: {item['problem']}"} if "problem" in item else item for item in items
            ]
        return found

    def _path(self, term: Any, variables: dict[str, Any]) -> str:
        if not isinstance(term, str) or not term:
            raise AnsibleLookupError(f"{term!r} is no path. Name a file such as people.csv.")
        path = self.find_file_in_search_path(variables, "files", term, ignore_missing=True)
        if not path:
            raise AnsibleLookupError(
                f"{term}: there is no such file. Correct the path. A relative one is looked for in the folders files of role "
                "and play, and beside them; -vvvvv shows where."
            )
        return str(path)

    def _bytes(self, path: str) -> bytes:
        try:
            # Decrypts a vaulted file in memory.
            text: str = self._loader.get_text_file_contents(path, encoding=ANY_BYTES)
        except AnsibleError as error:
            raise AnsibleLookupError(f"{path}: cannot be read.") from error
        return text.encode(ANY_BYTES)
