// Copyright (c) 2026 homelab.identity_broker maintainers
// SPDX-License-Identifier: GPL-3.0-or-later

// A small SCIM server on elimity-com/scim, for the tests. It keeps everything in memory. The library leaves storing to
// its user: PUT and PATCH are written here to the letter of RFC 7644, sections 3.5.1 and 3.5.2.
//
// Environment: PEER_TOKEN, PEER_CERT and PEER_KEY (PEM files), PEER_EXTENSION=1 to declare the extension with the domain.
// It prints "ready PORT" when it accepts connections on 127.0.0.1.
package main

import (
	"crypto/rand"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"

	"github.com/elimity-com/scim"
	"github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
	filter "github.com/scim2/filter-parser/v2"
)

type attributes = scim.ResourceAttributes

type store struct {
	lock  *sync.Mutex
	named string
	kept  map[string]attributes
	// groups is where the memberships of users are found; nil for groups themselves.
	groups *store
}

func newID() string {
	raw := make([]byte, 16)
	if _, err := rand.Read(raw); err != nil {
		log.Fatal(err)
	}
	return fmt.Sprintf("%x", raw)
}

func (s *store) resource(id string) scim.Resource {
	shown := attributes{}
	for key, value := range s.kept[id] {
		shown[key] = value
	}
	external := optional.String{}
	if text, ok := shown["externalId"].(string); ok && text != "" {
		external = optional.NewString(text)
	}
	delete(shown, "externalId")
	if s.groups != nil {
		var own []interface{}
		for group, kept := range s.groups.kept {
			for _, member := range list(kept["members"]) {
				if value(member) == id {
					own = append(own, map[string]interface{}{"value": group, "display": kept["displayName"]})
				}
			}
		}
		if own != nil {
			shown["groups"] = own
		}
	}
	return scim.Resource{ID: id, ExternalID: external, Attributes: shown}
}

func (s *store) check(id string, wanted attributes) error {
	name := fmt.Sprint(wanted[s.named])
	for other, kept := range s.kept {
		if other != id && strings.EqualFold(fmt.Sprint(kept[s.named]), name) {
			return errors.ScimErrorUniqueness
		}
	}
	return nil
}

func (s *store) Create(_ *http.Request, wanted attributes) (scim.Resource, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if err := s.check("", wanted); err != nil {
		return scim.Resource{}, err
	}
	id := newID()
	s.kept[id] = wanted
	return s.resource(id), nil
}

func (s *store) Get(_ *http.Request, id string) (scim.Resource, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if _, found := s.kept[id]; !found {
		return scim.Resource{}, errors.ScimErrorResourceNotFound(id)
	}
	return s.resource(id), nil
}

func (s *store) GetAll(_ *http.Request, params scim.ListRequestParams) (scim.Page, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	ids := make([]string, 0, len(s.kept))
	for id := range s.kept {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	page := []scim.Resource{}
	for position, id := range ids {
		if position+1 >= params.StartIndex && len(page) < params.Count {
			page = append(page, s.resource(id))
		}
	}
	return scim.Page{TotalResults: len(ids), Resources: page}, nil
}

// Replace clears what the request leaves out (RFC 7644, section 3.5.1).
func (s *store) Replace(_ *http.Request, id string, wanted attributes) (scim.Resource, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if _, found := s.kept[id]; !found {
		return scim.Resource{}, errors.ScimErrorResourceNotFound(id)
	}
	if err := s.check(id, wanted); err != nil {
		return scim.Resource{}, err
	}
	s.kept[id] = wanted
	return s.resource(id), nil
}

func (s *store) Delete(_ *http.Request, id string) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	if _, found := s.kept[id]; !found {
		return errors.ScimErrorResourceNotFound(id)
	}
	delete(s.kept, id)
	for _, group := range s.kept {
		leave(group, id)
	}
	if s.groups != nil {
		for _, group := range s.groups.kept {
			leave(group, id)
		}
	}
	return nil
}

// Patch applies each operation as RFC 7644, section 3.5.2 defines it: a remove whose path has no filter removes the
// whole attribute, whatever value comes with it.
func (s *store) Patch(_ *http.Request, id string, operations []scim.PatchOperation) (scim.Resource, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	kept, found := s.kept[id]
	if !found {
		return scim.Resource{}, errors.ScimErrorResourceNotFound(id)
	}
	for _, operation := range operations {
		if operation.Path == nil {
			changes, ok := operation.Value.(map[string]interface{})
			if !ok {
				return scim.Resource{}, errors.ScimErrorInvalidValue
			}
			for key, changed := range changes {
				set(kept, operation.Op, key, changed)
			}
			continue
		}
		name := operation.Path.AttributePath.AttributeName
		switch {
		case operation.Op != scim.PatchOperationRemove:
			set(kept, operation.Op, name, operation.Value)
		case operation.Path.ValueExpression == nil:
			delete(kept, name)
		default:
			expression, ok := operation.Path.ValueExpression.(*filter.AttributeExpression)
			if !ok || expression.Operator != filter.EQ || name != "members" {
				return scim.Resource{}, errors.ScimErrorInvalidFilter
			}
			leave(kept, fmt.Sprint(expression.CompareValue))
		}
	}
	return s.resource(id), nil
}

func set(kept attributes, op string, name string, changed interface{}) {
	if op == scim.PatchOperationAdd {
		if added, many := changed.([]interface{}); many {
			there := map[string]bool{}
			all := list(kept[name])
			for _, entry := range all {
				there[value(entry)] = true
			}
			for _, entry := range added {
				if !there[value(entry)] {
					all = append(all, entry)
				}
			}
			kept[name] = all
			return
		}
	}
	kept[name] = changed
}

func leave(group attributes, id string) {
	var left []interface{}
	for _, member := range list(group["members"]) {
		if value(member) != id {
			left = append(left, member)
		}
	}
	if left == nil {
		delete(group, "members")
	} else {
		group["members"] = left
	}
}

func list(entry interface{}) []interface{} {
	all, _ := entry.([]interface{})
	return all
}

func value(entry interface{}) string {
	fields, _ := entry.(map[string]interface{})
	return fmt.Sprint(fields["value"])
}

func main() {
	lock := &sync.Mutex{}
	groups := &store{lock: lock, named: "displayName", kept: map[string]attributes{}}
	users := &store{lock: lock, named: "userName", kept: map[string]attributes{}, groups: groups}
	var extensions []scim.SchemaExtension
	if os.Getenv("PEER_EXTENSION") != "" {
		extensions = []scim.SchemaExtension{{Schema: schema.Schema{
			ID:   "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User",
			Name: optional.NewString("Directory"),
			Attributes: []schema.CoreAttribute{
				schema.SimpleCoreAttribute(schema.SimpleStringParams(schema.StringParams{Name: "domain"})),
			},
		}}}
	}
	server, err := scim.NewServer(&scim.ServerArgs{
		ServiceProviderConfig: &scim.ServiceProviderConfig{SupportPatch: true, MaxResults: 50},
		ResourceTypes: []scim.ResourceType{
			{
				ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Schema: schema.CoreUserSchema(),
				SchemaExtensions: extensions, Handler: users,
			},
			{
				ID: optional.NewString("Group"), Name: "Group", Endpoint: "/Groups", Schema: schema.CoreGroupSchema(),
				Handler: groups,
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	wanted := "Bearer " + os.Getenv("PEER_TOKEN")
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != wanted {
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		http.StripPrefix("/scim", server).ServeHTTP(w, r)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("ready %d\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.ServeTLS(listener, handler, os.Getenv("PEER_CERT"), os.Getenv("PEER_KEY")))
}
