# A keytab that root alone can read: the parent reads it, and its children have the keys in memory.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use File::Copy 'copy';
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Httpd qw(httpd_user mpm);
use NegTest::Keytab qw(read_keytab write_keytab entry);
use NegTest::Pac qw(logon_info mint);
use POSIX 'mkfifo';

my ($user) = httpd_user();
plan skip_all => 'nobody is root here, who could keep a keytab from the children' if !$user;
plan tests => 8;

my $dir    = stage_dir() . '/held';
my $keytab = "$dir/http.keytab";
mkdir $dir;
for_root(keytab(), $keytab);

my $server = server(conf => conf())->start;

subtest 'it works' => sub {
    is user('/page/env.pl'), 'alice@EXAMPLE.TEST', 'a ticket';
    is http(port => $server->port)->get('/page/env.pl')->status, 401, 'nobody without one';
    is user('/file/env.pl'), 'alice@EXAMPLE.TEST', 'beside a keytab in a file';
    is password('alice:alice')->status, 200, 'a password, which our own key verifies';
    is password('alice:wrong')->status, 401, '... and a wrong one';
    my %pac = (client => 'alice@EXAMPLE.TEST', service => 'HTTP/localhost@EXAMPLE.TEST', keytab => $keytab, 1 => logon_info(groups => [ 513, 3001 ]));
    is user('/group/env.pl', mint(%pac, ccache => "FILE:$dir/pac")), 'alice@EXAMPLE.TEST', 'a group of the PAC';
    write_keytab("$dir/wrong", entry('HTTP/localhost', kvno => 2));
    is user('/group/env.pl', mint(%pac, keytab => "$dir/wrong", ccache => "FILE:$dir/wrong.pac")), 401, '... and another key';
    my $auth = initiator('alice')->authorization;
    is http(port => $server->port)->get('/page/env.pl', Authorization => $auth)->status, 200, 'a token is good';
    is http(port => $server->port)->get('/page/env.pl', Authorization => $auth)->status, 401, '... once';
};

subtest 'it is told' => sub {
    my $log = $server->log->text;
    like $log, qr/:notice\].*the keytab \Q$keytab\E is read by the parent alone.*graceful restart/, 'the log says who has read it';
    is scalar(() = $log =~ /can read the keytab \S+, .*chown root/g), 1, '... and, once, of the one that others can read';
    like $server->dump('NEGOTIATE')->{output}, qr/keytab +FILE:\Q$keytab\E \(for root alone: read at start\)\n +HTTP\/\S+ kvno/, 'the dump has it';
    ok $server->check->{ok}, 'httpd -t as root is content';
    my $r = run([ 'setpriv', "--reuid=$user", '--clear-groups', 'sh', '-c', 'exec "$@"', 'sh', $server->command('-t') ]);
    SKIP: {
        skip 'the sanitizer has to be loaded first', 2 if $ENV{NEG_SANITIZE_PRELOAD};
        skip 'there is no setpriv', 2 if $r->{output} =~ /setpriv.*not found|No such file/;
        ok !$r->{ok}, 'as another user it is not';
        like $r->{output}, qr/is for root alone, and $user cannot check it: run httpd -t as root/, '... and says how it is checked';
    }
};

subtest 'nobody else has it' => sub {
    write_script('thief.pl');
    my $got = http(port => $server->port)->get('/page/thief.pl', Authorization => initiator('alice')->authorization)->body;
    like $got, qr/^user=$user$/m, 'a CGI program is the children\'s user';
    like $got, qr/^keytab=Permission denied$/m, '... and cannot read the keytab';
    unlike $got, qr/^fd=\S*\Q$keytab\E/m, '... has no descriptor of it';
    like $got, qr/^parent=Permission denied$/m, '... and cannot look into the memory of the child';
    unlike $got, qr/^env=.*\Q$keytab\E/m, '... nor has its environment a word of it';
};

subtest 'another keytab' => sub {
    my @old = read_keytab($keytab);
    write_keytab("$dir/new", entry('HTTP/localhost', kvno => 77));
    for_root("$dir/new", $keytab);
    my $new = sub { return mint(ccache => "FILE:$dir/new.ccache", client => 'alice@EXAMPLE.TEST', service => 'HTTP/localhost@EXAMPLE.TEST', keytab => "$dir/new") };
    $server->log->mark;
    is user('/page/env.pl', $new->()), 401, 'does not count before a graceful restart';
    like join("\n", $server->log->wait_for(qr/refused/)), qr/\(kvno\).*a new one counts after a graceful restart/, '... as the refusal says';
    is user('/page/env.pl'), 'alice@EXAMPLE.TEST', '... and the old one does';
    $server->restart(graceful => 1);
    is user('/page/env.pl', $new->()), 'alice@EXAMPLE.TEST', 'after one it does';
    is user('/page/env.pl'), 401, '... and the old one does not';
    for_root(keytab(), $keytab);
    $server->restart(graceful => 1);
    is user('/page/env.pl'), 'alice@EXAMPLE.TEST', 'and back';
};

# What others than root could have put there is not read.
subtest 'who could have put it there' => sub {
    my $try = sub {
        my ($name, $path, $why) = @_;
        my $r = server(conf => conf($path))->check;
        ok !$r->{ok}, "$name: no start";
        like $r->{output}, $why, '... and says why';
    };
    for_root(keytab(), "$dir/open.keytab");
    chmod 0620, "$dir/open.keytab";
    $try->('a file that a group can write', "$dir/open.keytab", qr/cannot be trusted: others than root can write to it.*chmod 600/);
    for_root(keytab(), "$dir/theirs.keytab");
    chown 65_533, 0, "$dir/theirs.keytab";
    $try->('a file of another user', "$dir/theirs.keytab", qr/cannot be trusted: others than root.*chown root/);
    mkdir "$dir/open";
    for_root(keytab(), "$dir/open/http.keytab");
    chmod 0777, "$dir/open";
    $try->('a directory that others can write', "$dir/open/http.keytab", qr/others than root can write to \Q$dir\E\/open.*chmod go-w/);
    mkdir "$dir/theirs";
    for_root(keytab(), "$dir/theirs/http.keytab");
    chown 65_533, 0, "$dir/theirs";
    $try->('a directory of another user', "$dir/theirs/http.keytab", qr/belongs to another user than root.*chown root/);
    symlink "$dir/open/http.keytab", "$dir/link.keytab";
    $try->('a link to such a place', "$dir/link.keytab", qr/others than root can write to \Q$dir\E\/open/);
    mkdir "$dir/closed", 0700;
    write_file("$dir/closed/text", "no keytab\n");
    $try->('what is no keytab', "$dir/closed/text", qr/is no keytab that can be read at start.*Make it anew/);
    mkfifo("$dir/closed/pipe", 0600);
    $try->('a pipe', "$dir/closed/pipe", qr/is not a regular file/);
    write_file("$dir/closed/large", "\x05\x02" . "\0" x (5 << 20));
    $try->('a large file', "$dir/closed/large", qr/larger than 4 megabytes/);
    $try->('none', "$dir/closed/none", qr/does not exist/);
    for_root(write_keytab("$dir/other", entry('host/localhost')), "$dir/closed/other");
    like server(conf => conf("$dir/closed/other"))->check->{output}, qr/the keytab MEMORY:\Q$dir\E\/closed\/other has no key for AuthNegotiateAcceptor/,
      'one without our key is told';
    copy(keytab(), "$dir/closed/readable");
    chmod 0644, "$dir/closed/readable";
    ok server(conf => conf("$dir/closed/readable"))->check->{ok}, 'in a directory of root\'s alone its own mode does not matter';
    symlink $keytab, "$dir/good.link";
    ok server(conf => conf("$dir/good.link"))->check->{ok}, 'a link of root\'s to a file of root\'s';
};

subtest 'the replay cache' => sub {
    my $alone = conf() =~ s/<Location \/file\/>.*?<\/Location>\n//sr;
    my $of = sub { return server(conf => $_[0], env => { KRB5RCACHENAME => 'none:' }) };
    my $twice = sub {
        my ($s) = @_;
        $s->start;
        my $auth = initiator('alice')->authorization;
        my @status = map { http(port => $s->port)->get('/page/env.pl', Authorization => $auth)->status } 1, 2;
        $s->stop;
        return \@status;
    };
    is_deeply $twice->($of->($alone)), [ 200, 401 ], 'is in memory where no keytab is in a file';
    is_deeply $twice->($of->(conf())), [ 200, 200 ], '... else it is krb5\'s own, here none';
    is_deeply $twice->($of->("AuthNegotiateReplayCache default\n$alone")), [ 200, 200 ], '... and where it is written';
};

subtest 'many children at once' => sub {
    my @got = in_parallel(6, sub { return join ' ', map { user('/page/env.pl') } 1 .. 10 });
    is_deeply [ map { ref ? $_->{error} : $_ } @got ], [ (join ' ', ('alice@EXAMPLE.TEST') x 10) x 6 ], 'each is alice';
};

is_deeply [ $server->log->crashes ], [], 'nobody died';

sub conf {
    my ($file) = @_;
    $file ||= $keytab;
    return <<"CONF";
LogLevel auth_negotiate:info
ScriptAliasMatch "^/\\w+/(env\\.pl)\$" "\@stage\@/cgi-bin/\$1"
ScriptAliasMatch "^/\\w+/(thief\\.pl)\$" "$dir/\$1"
<LocationMatch "^/(page|password|group)/">
    AuthType Negotiate
    AuthName test
    AuthNegotiateKeytab $file
    Require valid-user
</LocationMatch>
<Location /password/>
    AuthNegotiateBasicProvider kerberos
    AuthNegotiateRequireTLS Off
</Location>
<Location /group/>
    AuthNegotiateGroup staff S-1-5-21-1-2-3-3001
    Require pac-group staff
</Location>
<Location /file/>
    AuthType Negotiate
    AuthName test
    AuthNegotiateKeytab \@keytab\@
    Require valid-user
</Location>
CONF
}

sub for_root {
    my ($from, $to) = @_;
    copy($from, "$to.new") or die "$to: $!\n";
    chown 0, 0, "$to.new";
    chmod 0600, "$to.new";
    rename "$to.new", $to or die "$to: $!\n";
    return $to;
}

sub write_file {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
    return;
}

# What a program can find that a child has started.
sub write_script {
    my ($name) = @_;
    write_file("$dir/$name", <<"CGI");
#!/usr/bin/env perl
print "Content-Type: text/plain\\r\\n\\r\\n";
print 'user=', scalar getpwuid(\$>), "\\n";
print 'keytab=', (open(my \$in, '<', '$keytab') ? 'open' : \$!), "\\n";
print 'fd=', readlink(\$_) || '', "\\n" for glob '/proc/self/fd/*';
print 'parent=', (open(my \$mem, '<', '/proc/' . getppid() . '/mem') ? 'open' : \$!), "\\n";
print "env=\$_=\$ENV{\$_}\\n" for keys %ENV;
CGI
    chmod 0755, "$dir/$name";
    return;
}

# REMOTE_USER, or the status.
sub user {
    my ($path, $ccache) = @_;
    my $gss = $ccache ? NegTest::Initiator->new(ccache => $ccache, target => 'HTTP@localhost', mech => 'krb5') : initiator('alice');
    my $r = http(port => $server->port)->get($path, Authorization => $gss->authorization);
    return $r->body =~ /^REMOTE_USER=(.*)$/m ? $1 : $r->status;
}

sub password { my ($pair) = @_; return http(port => $server->port)->get('/password/env.pl', Authorization => 'Basic ' . encode_base64($pair, '')) }
