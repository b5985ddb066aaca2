package NegTest::Backend;

# Applications behind mod_proxy, by each protocol: every one of them answers with what it was told, as
# lines NAME=value. The path /401 is answered with a challenge of the application's own.

use strict;
use warnings;

use NegTest::Httpd 'httpd_user';
use NegTest::Listener;
use NegTest::Process 'wait_until';

use constant CHALLENGE => 'Basic realm="application"';

# --- HTTP: the request's head, also on a UNIX socket -----------------------------

sub http {
    my ($class, %opt) = @_;
    return NegTest::Listener->start(sub {
        my ($client) = @_;
        my $head   = NegTest::Listener::read_head($client);
        my ($path) = $head =~ m{^\S+ (\S*)};
        my $status = $path =~ m{/401} ? '401 Unauthorized' : '200 OK';
        my $extra  = $path =~ m{/(?:401|challenge)} ? 'WWW-Authenticate: ' . CHALLENGE . "\r\n" : '';
        $extra .= "Persistent-Auth: true\r\nSet-Cookie: application=1\r\n";
        my $body = join '', map { "$_\n" } map { /^([^:]+): (.*)/ ? "$1=$2" : () } split /\r\n/, $head;
        print $client "HTTP/1.1 $status\r\n${extra}Content-Length: ", length $body, "\r\nConnection: close\r\n\r\n$body";
    }, %opt);
}

# A WebSocket (RFC 6455) that sends its request's head, then what it hears; frames are the test's own.
sub websocket {
    my ($class) = @_;
    return NegTest::Listener->start(sub {
        my ($client) = @_;
        my $head = NegTest::Listener::read_head($client);
        print $client "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
          "Sec-WebSocket-Accept: x\r\n\r\n";
        $head =~ s/\r//g;
        syswrite $client, pack('n', length $head) . $head;
        while (sysread $client, my $bytes, 4096) { syswrite $client, $bytes }
    });
}

# --- SCGI and uwsgi: variables, then an answer as of CGI ----------------------------

sub _answer_cgi {
    my ($client, %env) = @_;
    my $is_401 = ($env{REQUEST_URI} || '') =~ m{/401};
    print $client $is_401 ? "Status: 401 Unauthorized\r\nWWW-Authenticate: ${\CHALLENGE}\r\n" : "Status: 200 OK\r\n",
      "Content-Type: text/plain\r\n\r\n", map { "$_=$env{$_}\n" } sort keys %env;
    return;
}

sub scgi {
    return NegTest::Listener->start(sub {
        my ($client) = @_;
        my $length = '';
        while ($length !~ s/:$//) { sysread $client, $length, 1, length $length or return }
        my $bytes = NegTest::Listener::read_exactly($client, $length + 1);
        _answer_cgi($client, split /\0/, substr $bytes, 0, -1);
    });
}

sub uwsgi {
    return NegTest::Listener->start(sub {
        my ($client) = @_;
        my (undef, $length) = unpack 'Cv', NegTest::Listener::read_exactly($client, 4);
        my @env = unpack '(v/a)*', NegTest::Listener::read_exactly($client, $length);
        my %env = @env;
        my $answer = '';
        open my $buffer, '>', \$answer or die;
        _answer_cgi($buffer, %env);
        close $buffer;
        $answer =~ s{^Status: }{HTTP/1.1 };
        print $client $answer;
    });
}

# Perl's FCGI is the library that many FastCGI programs are made of.
sub has_fcgi { return eval { require FCGI; 1 } }

sub fcgi {
    my ($class, $path) = @_;
    require FCGI;
    my $socket = FCGI::OpenSocket($path, 5);
    chmod 0777, $path;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if (!$pid) {
        my %env;
        my $out     = IO::Handle->new;
        my $request = FCGI::Request(\*STDIN, $out, \*STDERR, \%env, $socket);
        while ($request->Accept >= 0) {
            my $is_401 = $env{REQUEST_URI} =~ m{/401};
            print $out $is_401 ? "Status: 401 Unauthorized\r\nWWW-Authenticate: ${\CHALLENGE}\r\n" : '',
              "Content-Type: text/plain\r\n\r\n", map { "$_=$env{$_}\n" } sort keys %env;
        }
        POSIX::_exit(0);
    }
    FCGI::CloseSocket($socket);
    return bless { pid => $pid, owner => $$ }, 'NegTest::Listener';
}

# PHP's FastCGI server; undef where it is not installed.
sub php_fpm {
    my ($class, $dir) = @_;
    my ($program) = sort { $b cmp $a } glob '/usr/sbin/php-fpm*';
    return if !$program;
    my ($user, $group) = httpd_user();
    my $as = defined $user ? "user = $user\ngroup = $group\nlisten.owner = $user\nlisten.group = $group\n" : '';
    _write("$dir/php-fpm.conf", <<"CONF");
[global]
error_log = $dir/php-fpm.log
[application]
listen = $dir/php-fpm.sock
${as}pm = static
pm.max_children = 1
CONF
    _write("$dir/application.php", <<'PHP' =~ s/CHALLENGE/CHALLENGE/er);
<?php
header('Content-Type: text/plain');
if (strpos($_SERVER['REQUEST_URI'], '/401') !== false) {
    http_response_code(401);
    header('WWW-Authenticate: CHALLENGE');
}
foreach ($_SERVER as $name => $value)
    if (is_string($value))
        echo "$name=$value\n";
PHP
    my $process = NegTest::Process->start([ $program, '-n', '-F', '-y', "$dir/php-fpm.conf" ], output => "$dir/php-fpm.out");
    wait_until(sub { !$process->alive || -S "$dir/php-fpm.sock" }, 20);
    return { process => $process, url => "unix:$dir/php-fpm.sock|fcgi://localhost$dir/application.php/" };
}

sub _write {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;
    return;
}

# --- AJP/1.3: a request's headers and attributes --------------------------------------

my %ajp_attribute = (3 => 'REMOTE_USER', 4 => 'AUTH_TYPE', 12 => 'secret');
my %ajp_header    = (0xA005 => 'Authorization', 0xA009 => 'Cookie', 0xA00B => 'Host');

sub ajp {
    return NegTest::Listener->start(sub {
        my ($client) = @_;
        my (undef, $length) = unpack 'nn', NegTest::Listener::read_exactly($client, 4);
        my %told = _ajp_request(NegTest::Listener::read_exactly($client, $length));
        my $body = join '', map { "$_=$told{$_}\n" } sort keys %told;
        my $is_401  = $told{uri} =~ m{/401};
        my @headers = ('Content-Type' => 'text/plain', $is_401 ? ('WWW-Authenticate' => CHALLENGE) : ());
        _ajp_send($client, pack('Cn', 4, $is_401 ? 401 : 200) . _ajp_string('x') . pack('n', @headers / 2)
              . join '', map { _ajp_string($_) } @headers);
        _ajp_send($client, pack('Cn', 3, length $body) . $body . "\0");
        _ajp_send($client, pack 'CC', 5, 0);
    });
}

sub _ajp_string { my ($text) = @_; return pack('n', length $text) . $text . "\0" }
sub _ajp_send { my ($client, $bytes) = @_; syswrite $client, 'AB' . pack('n', length $bytes) . $bytes; return }

sub _ajp_request {
    my ($bytes) = @_;
    my $take   = sub { my ($format, $size) = @_; return unpack $format, substr $bytes, 0, $size, '' };
    my $string = sub {
        my $length = $take->('n', 2);
        return $length == 0xFFFF ? '' : substr $take->('a' . ($length + 1), $length + 1), 0, -1;
    };
    my %told;
    $take->('CC', 2);
    $told{uri} = ($string->(), $string->())[1];
    $string->() for 1 .. 3;
    $take->('nC', 3);
    for (1 .. $take->('n', 2)) {
        my $code = unpack 'n', $bytes;
        my $name = $code >= 0xA000 ? $take->('n', 2) : $string->();
        my $value = $string->();
        $told{ $ajp_header{$name} || $name } = $value;
    }
    while ((my $code = $take->('C', 1)) != 0xFF) {
        my $name = $code == 10 ? $string->() : $ajp_attribute{$code} || "attribute$code";
        $told{$name} = $string->();
    }
    return %told;
}

1;

__END__

=head1 NAME

NegTest::Backend - applications behind mod_proxy

=head1 SYNOPSIS

    my $application = NegTest::Backend->ajp;     # http(path => ...), websocket, scgi, uwsgi, fcgi($path)
    my $php = NegTest::Backend->php_fpm($dir);         # $php->{url} for ProxyPass, or undef
    ProxyPass "/app/" "ajp://localhost:${\$application->port}/"

=cut
