// The items of a generated record by the names of the standard.
import java.lang.reflect.Field;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.xml.bind.annotation.XmlElement;
import jp.chiikibus.juki.Jumin;

final class Items {
    private Items() {}

    static Map<String, String> of(Jumin record) throws IllegalAccessException {
        Map<String, String> items = new LinkedHashMap<>();
        for (Field field : Jumin.class.getDeclaredFields()) {
            field.setAccessible(true);
            Object value = field.get(record);
            XmlElement element = field.getAnnotation(XmlElement.class);
            boolean named = element != null && !element.name().equals("##default");
            if (value != null) items.put(named ? element.name() : field.getName(), value.toString());
        }
        return items;
    }
}
