// Copyright (c) 2026 homelab.identity_broker maintainers
// SPDX-License-Identifier: GPL-3.0-or-later

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import de.captaingoldfish.scim.sdk.common.constants.ClassPathReferences;
import de.captaingoldfish.scim.sdk.common.constants.enums.HttpMethod;
import de.captaingoldfish.scim.sdk.common.constants.enums.SortOrder;
import de.captaingoldfish.scim.sdk.common.etag.ETag;
import de.captaingoldfish.scim.sdk.common.exceptions.ConflictException;
import de.captaingoldfish.scim.sdk.common.exceptions.ResourceNotFoundException;
import de.captaingoldfish.scim.sdk.common.resources.Group;
import de.captaingoldfish.scim.sdk.common.resources.ResourceNode;
import de.captaingoldfish.scim.sdk.common.resources.ServiceProvider;
import de.captaingoldfish.scim.sdk.common.resources.User;
import de.captaingoldfish.scim.sdk.common.resources.complex.ETagConfig;
import de.captaingoldfish.scim.sdk.common.resources.complex.FilterConfig;
import de.captaingoldfish.scim.sdk.common.resources.complex.Meta;
import de.captaingoldfish.scim.sdk.common.resources.complex.PatchConfig;
import de.captaingoldfish.scim.sdk.common.resources.multicomplex.AuthenticationScheme;
import de.captaingoldfish.scim.sdk.common.resources.multicomplex.GroupNode;
import de.captaingoldfish.scim.sdk.common.response.ScimResponse;
import de.captaingoldfish.scim.sdk.common.schemas.SchemaAttribute;
import de.captaingoldfish.scim.sdk.common.utils.JsonHelper;
import de.captaingoldfish.scim.sdk.server.endpoints.Context;
import de.captaingoldfish.scim.sdk.server.endpoints.EndpointDefinition;
import de.captaingoldfish.scim.sdk.server.endpoints.ResourceEndpoint;
import de.captaingoldfish.scim.sdk.server.endpoints.ResourceHandler;
import de.captaingoldfish.scim.sdk.server.filter.FilterNode;
import de.captaingoldfish.scim.sdk.server.response.PartialListResponse;
import java.io.FileInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.function.Function;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * A small SCIM server on captaingoldfish's scim-sdk-server, for the tests. It keeps everything in memory, and shows ETags.
 *
 * <p>Environment: PEER_TOKEN, PEER_KEYSTORE (PKCS 12 file, its password is the token), PEER_EXTENSION=1 to declare the
 * extension with the domain. It prints "ready PORT" when it accepts connections on 127.0.0.1.
 */
public final class Peer {
    private static final String EXTENSION =
        "{\"id\": \"urn:ietf:params:scim:schemas:extension:ws1b:2.0:User\", \"name\": \"Directory\","
            + " \"description\": \"Where a user belongs\", \"schemas\": [\"urn:ietf:params:scim:schemas:core:2.0:Schema\"],"
            + " \"attributes\": [{\"name\": \"domain\", \"type\": \"string\", \"multiValued\": false,"
            + " \"description\": \"The domain\", \"required\": false, \"caseExact\": false, \"mutability\": \"readWrite\","
            + " \"returned\": \"default\", \"uniqueness\": \"none\"}]}";

    private static final Map<String, User> USERS = new LinkedHashMap<>();
    private static final Map<String, Group> GROUPS = new LinkedHashMap<>();

    private abstract static class Store<T extends ResourceNode> extends ResourceHandler<T> {
        private final Map<String, T> kept;
        private final Function<T, String> name;

        Store(Map<String, T> kept, Function<T, String> name) {
            this.kept = kept;
            this.name = name;
        }

        @Override
        public T createResource(T resource, Context context) {
            refuseDuplicate("", resource);
            resource.setId(UUID.randomUUID().toString());
            return keep(resource, Instant.now());
        }

        @Override
        public T updateResource(T resource, Context context) {
            String id = resource.getId().orElseThrow();
            T former = find(id);
            refuseDuplicate(id, resource);
            return keep(resource, former.getMeta().flatMap(Meta::getCreated).orElse(Instant.now()));
        }

        @Override
        public T getResource(
            String id, List<SchemaAttribute> attributes, List<SchemaAttribute> excluded, Context context
        ) {
            return shown(find(id));
        }

        @Override
        public PartialListResponse<T> listResources(
            long start, int count, FilterNode filter, SchemaAttribute sortBy, SortOrder order,
            List<SchemaAttribute> attributes, List<SchemaAttribute> excluded, Context context
        ) {
            List<T> all = new ArrayList<>(kept.values());
            int first = (int) Math.min(all.size(), Math.max(0, start - 1));
            int last = Math.min(all.size(), first + count);
            List<T> page = all.subList(first, last).stream().map(this::shown).toList();
            return PartialListResponse.<T>builder().resources(page).totalResults(all.size()).build();
        }

        @Override
        public void deleteResource(String id, Context context) {
            find(id);
            kept.remove(id);
            for (Group group : GROUPS.values()) {
                group.setMembers(group.getMembers().stream().filter(m -> !id.equals(m.getValue().orElse(""))).toList());
            }
        }

        /** A copy, since the library changes what it is given. */
        @SuppressWarnings("unchecked")
        T shown(T entry) {
            return (T) JsonHelper.copyResourceToObject(entry, entry.getClass());
        }

        private T find(String id) {
            if (!kept.containsKey(id)) {
                throw new ResourceNotFoundException("there is no resource " + id);
            }
            return kept.get(id);
        }

        private void refuseDuplicate(String id, T wanted) {
            for (Map.Entry<String, T> entry : kept.entrySet()) {
                if (!entry.getKey().equals(id) && name.apply(entry.getValue()).equalsIgnoreCase(name.apply(wanted))) {
                    throw new ConflictException(name.apply(wanted) + " exists");
                }
            }
        }

        private T keep(T resource, Instant created) {
            Meta meta = Meta.builder().created(created).lastModified(Instant.now()).build();
            meta.setVersion(ETag.parseETag("W/\"" + UUID.randomUUID() + "\""));
            resource.remove("meta");
            resource.setMeta(meta);
            kept.put(resource.getId().orElseThrow(), resource);
            return shown(resource);
        }
    }

    private static final class UserStore extends Store<User> {
        UserStore() {
            super(USERS, user -> user.getUserName().orElse(""));
        }

        @Override
        User shown(User entry) {
            User user = super.shown(entry);
            String id = user.getId().orElseThrow();
            user.setGroups(
                GROUPS.values().stream()
                    .filter(group -> group.getMembers().stream().anyMatch(m -> id.equals(m.getValue().orElse(""))))
                    .map(group -> GroupNode.builder()
                        .value(group.getId().orElseThrow()).display(group.getDisplayName().orElse("")).build())
                    .toList()
            );
            return user;
        }
    }

    private static final class GroupStore extends Store<Group> {
        GroupStore() {
            super(GROUPS, group -> group.getDisplayName().orElse(""));
        }
    }

    private Peer() {}

    public static void main(String[] arguments) throws Exception {
        ServiceProvider provider = ServiceProvider.builder()
            .filterConfig(FilterConfig.builder().supported(true).maxResults(50).build())
            .patchConfig(PatchConfig.builder().supported(true).build())
            .eTagConfig(ETagConfig.builder().supported(true).build())
            .authenticationSchemes(List.of(
                AuthenticationScheme.builder().name("Bearer").description("A token").type("oauthbearertoken").build()
            ))
            .build();
        ResourceEndpoint endpoint = new ResourceEndpoint(provider);
        List<JsonNode> extensions = new ArrayList<>();
        JsonNode userType = JsonHelper.loadJsonDocument(ClassPathReferences.USER_RESOURCE_TYPE_JSON);
        // The library's own document names the enterprise extension.
        String used = "[]";
        if (System.getenv("PEER_EXTENSION") != null) {
            JsonNode extension = JsonHelper.readJsonDocument(EXTENSION);
            extensions.add(extension);
            used = "[{\"schema\": \"" + extension.get("id").textValue() + "\", \"required\": false}]";
        }
        ((ObjectNode) userType).set("schemaExtensions", JsonHelper.readJsonDocument(used));
        endpoint.registerEndpoint(new EndpointDefinition(
            userType, JsonHelper.loadJsonDocument(ClassPathReferences.USER_SCHEMA_JSON), extensions, new UserStore()
        ));
        endpoint.registerEndpoint(new EndpointDefinition(
            JsonHelper.loadJsonDocument(ClassPathReferences.GROUP_RESOURCE_TYPE_JSON),
            JsonHelper.loadJsonDocument(ClassPathReferences.GROUP_SCHEMA_JSON), new ArrayList<>(), new GroupStore()
        ));
        HttpsServer server = HttpsServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(tls()));
        server.setExecutor(Executors.newSingleThreadExecutor());
        String wanted = "Bearer " + System.getenv("PEER_TOKEN");
        server.createContext("/scim/v2", exchange -> answer(exchange, endpoint, wanted));
        server.start();
        System.out.println("ready " + server.getAddress().getPort());
    }

    private static void answer(HttpExchange exchange, ResourceEndpoint endpoint, String wanted) throws IOException {
        byte[] request = exchange.getRequestBody().readAllBytes();
        if (!wanted.equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
            exchange.sendResponseHeaders(401, -1);
            exchange.close();
            return;
        }
        Map<String, String> headers = new HashMap<>();
        exchange.getRequestHeaders().forEach((name, values) -> headers.put(name, values.get(0)));
        String address = "https://localhost:" + exchange.getLocalAddress().getPort() + exchange.getRequestURI();
        ScimResponse response = endpoint.handleRequest(
            address, HttpMethod.valueOf(exchange.getRequestMethod()), new String(request, StandardCharsets.UTF_8), headers,
            new Context(null)
        );
        response.getHttpHeaders().forEach((name, value) -> exchange.getResponseHeaders().set(name, value));
        byte[] body = response.isEmpty() ? new byte[0] : response.toString().getBytes(StandardCharsets.UTF_8);
        int status = response.getHttpStatus();
        boolean bare = status == 204 || status == 304 || body.length == 0;
        exchange.sendResponseHeaders(status, bare ? -1 : body.length);
        if (!bare) {
            exchange.getResponseBody().write(body);
        }
        exchange.close();
    }

    private static SSLContext tls() throws Exception {
        char[] password = System.getenv("PEER_TOKEN").toCharArray();
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (FileInputStream file = new FileInputStream(System.getenv("PEER_KEYSTORE"))) {
            keys.load(file, password);
        }
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        return context;
    }
}
