// A JAX-WS RI client generated from the served WSDL. It makes the calls of a file and prints one JSON line for each.
// Client WSDL-URL USER SECRET CALLS.json
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.sun.xml.ws.client.ClientTransportException;
import java.io.PrintStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.xml.ws.BindingProvider;
import javax.xml.ws.Holder;
import javax.xml.ws.soap.SOAPFaultException;
import jp.chiikibus.juki.IkkatsuIrai;
import jp.chiikibus.juki.Juki;
import jp.chiikibus.juki.Juki_Service;
import jp.chiikibus.juki.Jumin;
import jp.chiikibus.juki.Shogai;
import jp.chiikibus.juki.Shogai_Exception;

public class Client {
    private static final Gson JSON = new GsonBuilder().disableHtmlEscaping().create();

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        Map<String, Jumin> read = new HashMap<>();
        Juki port = new Juki_Service(new URL(arguments[0])).getJuki();
        Map<String, Object> context = ((BindingProvider) port).getRequestContext();
        context.put(BindingProvider.USERNAME_PROPERTY, arguments[1]);
        // The address is that of the WSDL unless it is said: the generated classes take it from the port of the WSDL.
        JsonObject file = JSON.fromJson(Files.readString(Path.of(arguments[3])), JsonObject.class);
        for (var element : file.getAsJsonArray("calls")) {
            JsonObject call = element.getAsJsonObject();
            String id = call.get("id").getAsString();
            JsonObject given = call.has("arguments") ? call.getAsJsonObject("arguments") : new JsonObject();
            context.put(
                BindingProvider.PASSWORD_PROPERTY,
                call.has("credential") ? call.get("credential").getAsString() : arguments[2]);
            Map<String, Object> said = new LinkedHashMap<>();
            said.put("call", id);
            try {
                List<Jumin> records = new ArrayList<>();
                switch (call.get("operation").getAsString()) {
                    case "jumin_shokai" -> {
                        Jumin record = port.juminShokai(text(given, "atenabango"), text(given, "kijunbi"));
                        if (record != null) records.add(record);
                    }
                    case "setai_shokai" -> records = port.setaiShokai(
                        text(given, "setaibango"), text(given, "atenabango"), text(given, "kijunbi"));
                    case "ido_tsuchi" -> {
                        Holder<String> message = new Holder<>(), number = new Holder<>(), at = new Holder<>();
                        port.idoTsuchi(read.get(call.get("resident_of").getAsString()), message, number, at);
                        said.put("receipt", Map.of("messageid", message.value, "uketsukebango", number.value));
                    }
                    default -> port.ikkatsuIrai(text(given, "ikkatsu_shubetsu"), null, null, new Holder<>(), new Holder<>());
                }
                if (!said.containsKey("receipt")) {
                    List<Map<String, String>> items = new ArrayList<>();
                    for (Jumin record : records) items.add(Items.of(record));
                    said.put("jumin", items);
                    if (!records.isEmpty()) read.put(id, records.get(0));
                }
            } catch (Shogai_Exception error) {
                said.put("fault", fault(error));
            } catch (SOAPFaultException error) {
                said.put("fault", Map.of(
                    "faultcode", error.getFault().getFaultCode(), "faultstring", error.getFault().getFaultString()));
            } catch (ClientTransportException error) {
                // The status is only part of the message: "The server sent HTTP status code 401: Unauthorized".
                said.put("refused", error.getMessage());
            }
            out.println(JSON.toJson(said));
        }
    }

    private static String text(JsonObject given, String name) {
        return given.has(name) ? given.get(name).getAsString() : null;
    }

    private static Map<String, Object> fault(Shogai_Exception error) {
        Shogai shogai = error.getFaultInfo();
        List<Map<String, String>> findings = new ArrayList<>();
        for (Shogai.Shiteki one : shogai.getShiteki())
            findings.add(Map.of("kodo", one.getKodo(), "komoku", one.getKomoku() == null ? "" : one.getKomoku()));
        Map<String, Object> said = new LinkedHashMap<>();
        said.put("faultstring", error.getMessage());
        said.put("kodo", shogai.getKodo());
        said.put("bunmen_ja", shogai.getBunmenJa());
        said.put("shiteki", findings);
        return said;
    }
}
